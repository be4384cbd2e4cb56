// lists.go: values that are better made than written.

package main

import "strings"

// lists are what "@name" or "@name argument" stands for in a case's Vary.
var lists = map[string]func(argument string) variants{
	"names":     func(string) variants { return reservedNames() },
	"spellings": func(string) variants { return spellings() },
	"tricks":    func(string) variants { return pathTricks() },
	"forgeries": forgeryNames,
}

// reservedNames are what backends read, ours and those of WeChat's own cloud.
func reservedNames() variants {
	return variants{
		"X-WeChat-OpenID", "X-WeChat-AppID", "X-WeChat-UnionID", "X-WeChat-UserInfo", "X-WeChat-Phone",
		"X-WX-OPENID", "X-WX-APPID", "X-WX-UNIONID", "X-WX-SOURCE", "X-WX-FROM-OPENID",
	}
}

// spellings are the names that some server takes for X-WeChat-OpenID or
// X-WX-OPENID: any case, any separator that a field name may have, mixed, and
// separators that it may not have.
func spellings() (list variants) {
	for _, parts := range [][]string{{"X", "WeChat", "OpenID"}, {"X", "WX", "OPENID"}} {
		for _, sep := range []string{"-", "_", ".", "!", "#", "$", "%", "&", "'", "*", "+", "^", "`", "|", "~"} {
			name := strings.Join(parts, sep)
			list = append(list, name, strings.ToLower(name), strings.ToUpper(name))
		}
		for _, seps := range []string{"-_", "_-", "-.", ".-", "_.", "._", "-~", "!-"} {
			list = append(list, parts[0]+seps[:1]+parts[1]+seps[1:]+parts[2])
		}
		name := strings.Join(parts, "-")
		list = append(list,
			name+"-", name+"_", parts[0]+"-"+parts[1]+"-", parts[0]+"_"+parts[1]+"__"+parts[2],
			parts[0]+"--"+parts[1]+"-"+parts[2], "x"+name[1:])
		for _, wrapping := range []string{"Grpc-Metadata-", "X-Amzn-Remapped-", "X-Forwarded-", "X-Original-", "HTTP_", "X-"} {
			list = append(list, wrapping+name)
		}
		// not field names: a server must not guess
		for _, odd := range []string{" ", "\t", "/", "(", "\"", ",", ";", "=", "@", "\x00", "\x7f", "\xff", "\u2010"} {
			list = append(list, strings.Join(parts, odd))
		}
		list = append(list, name+" ", name+"\t", "\x00"+name, name+"\x00", name+":", name+"\r", name+"\n")
	}
	return list
}

// pathTricks are paths that a credulous check takes for a public one, and a
// backend for a protected one, or the other way.
func pathTricks() (list variants) {
	up := []string{
		"..", "%2e%2e", "%2E%2E", ".%2e", "%2e.", "%252e%252e", "%25%32%65%25%32%65", "..;", "..;x=1", "%2e%2e;", "..%00", "..%20", "..%09",
		"...", "..%2f", "..%252f", "..%5c", "..%255c", "..\\", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "..%c0%af", "..%3b", "..#", "..%23", "..%3f", ". .",
	}
	for _, dots := range up {
		list = append(list, "/public/"+dots+"/api/me", "/public/x/"+dots+"/"+dots+"/api/me")
	}
	for _, slash := range []string{"%2f", "%2F", "%5c", "%5C", "\\", "%252f", "%255c", "%c0%af", ";", "%3b", "%00", "%0a", "%0d%0a", "%09", "/./"} {
		list = append(list, "/public"+slash+"x", "/public/"+slash+"..", "/public/x"+slash+"..", "/public/a"+slash+"b"+slash+"..", slash+"public/x")
	}
	list = append(list,
		"/PUBLIC/x", "/Public/x", "/public", "/publicx", "/public.", "/public/.", "/public/..", "/public/%2e", "/public/x/%2e%2e", "/public/%ff", "/public/%80",
		"/healthz/", "/healthz/x", "/healthz;a", "/healthz%00", "/HEALTHZ", "/healthz%2f", "//healthz", "/./healthz", "/healthz/..", "/healthz.json", "/healthz%3fx",
		"/public%20x", "/public/%20..", "/public/x//..", "/public//../api/me", "/public/%ef%bc%8f..", "/public/..%ef%bc%8fapi%ef%bc%8fme", "/public/..%e2%88%95api",
		"/public/%ef%bc%8e%ef%bc%8e/api/me", "/public/%e2%80%a5/api/me", "/public/%e2%80%a4%e2%80%a4/api/me", "/public/..%ef%bc%bcapi", "/public/..%ef%bc%9b/api/me", "/public/..%c2%a0/api",
		"//public/x", "///public/x", "/./public/x", "/api/../public/x", "/x/%2e%2e/public/x", "/%2e/public/x",
		"/api/me?/public/x", "/api/me?x=/public/", "/api/me%3f/public/x", "/api/me#/public/x", "/api/me%23/public/x", "/api/me;/public/x", "/api/public/x",
		"/public/%", "/public/%zz", "/public/%u002e%u002e/api", "/public/\u00fc/../../api", "/public/%25", "/public/%2541",
		"http://{{host}}/api/me", "{{scheme}}://{{host}}/public/../api/me", "http://{{host}}/public/%2e%2e/api/me", "ws://{{host}}/api/me", "public/x", "*", "?/public/x", "",
	)
	return list
}

// forgery is a way to make a token that must not be taken. In Header, Payload
// and Text, <alg> <kid> <iss> <sub> <aud> <iat> <exp> <jti> stand for those of
// alice's good token, <h> <p> <s> for its three encoded parts as they were made,
// and <100xA> for a hundred times A.
type forgery struct {
	Name    string
	Item    string
	Header  string // JSON. Default: the good token's
	Payload string // JSON. Default: the good token's
	Sign    string // how: see forge.go. Default: key
	Text    string // Default: <h>.<p>.<s>
	For     string // which gateways it is for: asymmetric, or an algorithm. Default: all
}

var forgeries = func() (list []forgery) {
	if err := readData("corpus/forgeries.json", &list); err != nil {
		panic(err)
	}
	return list
}()

// forgeryNames are those of an item for any algorithm, or those for one kind.
func forgeryNames(itemOrKind string) (names variants) {
	for _, f := range forgeries {
		if f.For == itemOrKind || f.For == "" && f.Item == itemOrKind {
			names = append(names, f.Name)
		}
	}
	return names
}
