// bench_test.go: what sealing costs a login, and opening a request.

package seal

import "testing"

func BenchmarkSeal(b *testing.B) {
	keys := testKeys(b, secrets[0])
	plaintext, associated := make([]byte, 200), []byte(place)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.Seal(plaintext, associated); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	keys := testKeys(b, secrets[1], secrets[0])
	sealed, err := testKeys(b, secrets[0]).Seal(make([]byte, 200), []byte(place))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.Open(sealed, []byte(place)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRefuse is what a forged value costs.
func BenchmarkRefuse(b *testing.B) {
	keys := testKeys(b, secrets[0])
	sealed, err := keys.Seal(make([]byte, 200), []byte(place))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.Open(sealed, []byte(otherSpot)); err == nil {
			b.Fatal("opened")
		}
	}
}
