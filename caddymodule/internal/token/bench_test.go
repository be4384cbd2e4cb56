// bench_test.go: what a login, a request and a flood cost.

package token

import "testing"

func BenchmarkMint(b *testing.B) {
	for _, alg := range allAlgorithms {
		r, _ := testRing(b, testKeys()[alg])
		b.Run(string(alg), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Mint(testClaims()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, alg := range allAlgorithms {
		r, _ := testRing(b, testKeys()[alg])
		text := mustMint(b, r, testClaims())
		b.Run(string(alg), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Verify(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRefuse is what a flood of foreign tokens costs.
func BenchmarkRefuse(b *testing.B) {
	r, _ := testRing(b, testKeys()[HS256])
	other, err := GenerateKey(HS256)
	if err != nil {
		b.Fatal(err)
	}
	text := forge(b, other, header(other), payload(testClaims()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Verify(text); err == nil {
			b.Fatal("accepted")
		}
	}
}
