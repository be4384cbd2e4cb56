// block_test.go: what is wrong about the form of a block, and what is said about it.

package option_test

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
)

type block struct {
	flag bool
	wait caddy.Duration
	text string
	many []string
}

func (b *block) read(d *caddyfile.Dispenser) error {
	d.Next()
	return option.ReadBlock(d, "unknown test option%s",
		option.One("flag", option.Flag(&b.flag)),
		option.One("wait", option.Set(&b.wait, option.PositiveDuration)),
		option.One("text", option.Checked(&b.text, option.CheckAppID)),
		option.Many("many", func(d *caddyfile.Dispenser) error {
			b.many = append(b.many, d.RemainingArgs()...)
			return nil
		}),
	)
}

func TestReadBlock(t *testing.T) {
	var b block
	text := "test {\n many a b\n flag\n wait 5s\n many c\n text {env.APP}\n}"
	if err := b.read(caddyfile.NewTestDispenser(text)); err != nil {
		t.Fatal(err)
	}
	if !b.flag || b.wait != caddy.Duration(5e9) || strings.Join(b.many, "") != "abc" || b.text != "{env.APP}" {
		t.Errorf("read %+v", b)
	}
	for body, want := range map[string]string{
		"flag\nflag":                       "flag is given twice; keep one",
		"flag on":                          "flag takes no value",
		"flag {\n x\n}":                    "flag takes no block",
		"many a {\n x\n}":                  "many takes no block",
		"wait 0s":                          "wait must be positive",
		"text wx1":                         "is not an AppID",
		"text":                             "text needs a value",
		"flags":                            `unknown test option "flags": there are flag, wait, text and many`,
		"5eb63bbbe01eeed093cb22bb8f5acdc3": "unknown test option: there are flag, wait, text and many",
	} {
		err := new(block).read(caddyfile.NewTestDispenser("test {\n" + body + "\n}"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", body, err, want)
		}
	}
	if err := new(block).read(caddyfile.NewTestDispenser("test")); err != nil {
		t.Errorf("without a block: %v", err)
	}
}
