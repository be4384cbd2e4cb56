// shown_test.go: everything that people print a value with.

package redact

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// vault is a type as others make them: with a secret that was left in the open.
type vault struct {
	Shown
	Secret []byte
	Text   string
}

type box struct{ V vault }

func TestNothingButTheTextIsShown(t *testing.T) {
	for shown, want := range map[Shown]string{"": "[redacted]", `vault "a"`: `vault "a"`} {
		v := vault{Shown: shown, Secret: []byte("hunter2"), Text: "hunter2"}
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T is %[1]v", "%!"} {
			fmt.Fprintf(&out, verb+"\n", v)
			fmt.Fprintf(&out, verb+"\n", &v)
			fmt.Fprintf(&out, verb+"\n", []vault{v})
			fmt.Fprintf(&out, verb+"\n", map[string]*vault{"a": &v})
			fmt.Fprintf(&out, verb+"\n", struct{ V vault }{v})
		}
		log.New(&out, "", 0).Print(v, &v)
		for _, h := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
			slog.New(h).Info("text", "value", v, "pointer", &v, "list", []vault{v})
		}
		z := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.DebugLevel))
		z.Info("text", zap.Any("value", v), zap.Any("pointer", &v), zap.Reflect("reflect", v), zap.Stringer("stringer", v))
		j, err := json.Marshal(map[string]any{"value": v, "list": []*vault{&v}})
		if err != nil {
			t.Error(err)
		}
		out.Write(j)
		x, err := xml.Marshal(box{v})
		if err != nil {
			t.Error(err)
		}
		out.Write(x)
		if text := strings.ToLower(out.String()); strings.Contains(text, "hunter2") || strings.Contains(text, "68756e746572") || strings.Contains(text, "104 117 110") {
			t.Errorf("the secret is shown: %s", out.String())
		}
		if got := v.String(); got != want {
			t.Errorf("String = %q, want %q", got, want)
		}
		if got, _ := json.Marshal(v); string(got) != fmt.Sprintf("%q", want) {
			t.Errorf("JSON = %s, want %q", got, want)
		}
	}
}

// A nil pointer is printed while somebody looks for another fault.
func TestNilPointer(t *testing.T) {
	var v *vault
	if got := fmt.Sprintf("%v %s", v, v); got != "<nil> <nil>" {
		t.Errorf("Sprintf = %q", got)
	}
}
