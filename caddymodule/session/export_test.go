// export_test.go: names of stores that tests need.

package session

func OldKey(kind string, parts ...string) string { return storeKey(kind, parts...) }
func UserKey(appid, openid string) string        { return userKey(appid, openid) }
func Decode(value []byte) {
	_, _ = decode(value, "uuuuuuuuuuuuuuuuuuuuuurrrrrrrrrrr")
	_, _ = decodePair(value)
}
