package message

import "testing"

func BenchmarkOpen(b *testing.B) {
	for _, c := range []struct {
		name, message string
		around        func(string) string
	}{{"JSON", textJSON, inJSON}, {"XML", textXML, inXML}} {
		b.Run(c.name, func(b *testing.B) {
			r := receiver(b, testKey)
			query, body := push(b, c.message, testApp, now, c.around)
			b.ReportAllocs()
			for b.Loop() {
				m, err := r.Open(query, "", body, now)
				if err != nil || m.Key() == "" || m.Type() != "text" {
					b.Fatal(err)
				}
			}
		})
	}
}
