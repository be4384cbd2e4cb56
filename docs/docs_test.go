// docs_test.go: the pages are true: links lead somewhere, Caddyfiles load, both languages agree.

// Package docs holds no program, only the pages and what checks them.
package docs

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-wechat/caddy-wechat/caddymodule"
)

const chinese = ".zh-CN.md"

// pages are all Markdown files that readers see, by their path from the repository's root.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"../*.md", "*.md", "../client/*.md", "../examples/*/*.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, names...)
	}
	if len(found) < 10 {
		t.Fatalf("found only %v", found)
	}
	return found
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var fence = regexp.MustCompile("(?ms)^( *)```([a-z]*)\n(.*?)^ *```$")

// prose is a page without its code blocks.
func prose(text string) string { return fence.ReplaceAllString(text, "") }

func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^()\s]+)\)|(?:src|srcset|href)="([^"]+)"`)
	count := 0
	for _, page := range pages(t) {
		for _, match := range link.FindAllStringSubmatch(prose(read(t, page)), -1) {
			target := match[1] + match[2]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			count++
			file, anchor, _ := strings.Cut(target, "#")
			path := page
			if file != "" {
				path = filepath.Join(filepath.Dir(page), file)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Errorf("%s links to %s, which is not there", page, target)
				continue
			}
			if anchor != "" && !info.IsDir() && !headings(read(t, path))[anchor] {
				t.Errorf("%s links to %s, which has no such heading", page, target)
			}
		}
	}
	if count < 50 {
		t.Errorf("found only %d links: is the search broken?", count)
	}
}

// headings are the anchors that GitHub makes of a page's headings.
func headings(text string) map[string]bool {
	anchors := make(map[string]bool)
	for line := range strings.Lines(prose(text)) {
		title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if !ok || !strings.HasPrefix(line, "#") {
			continue
		}
		anchors[strings.Map(func(r rune) rune {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			case r == ' ':
				return '-'
			}
			return -1
		}, strings.TrimSpace(title))] = true
	}
	return anchors
}

func TestBothLanguages(t *testing.T) {
	for _, page := range pages(t) {
		english, isChinese := strings.CutSuffix(page, chinese)
		if isChinese {
			if _, err := os.Stat(english + ".md"); err != nil {
				t.Errorf("%s has no English page", page)
			}
			continue
		}
		twin := strings.TrimSuffix(page, ".md") + chinese
		if _, err := os.Stat(twin); err != nil {
			if dir := filepath.Dir(page); dir == "." || filepath.Base(page) == "README.md" {
				t.Errorf("%s has no Chinese page", page)
			}
			continue
		}
		here, there := len(fence.FindAllString(read(t, page), -1)), len(fence.FindAllString(read(t, twin), -1))
		if here != there {
			t.Errorf("%s has %d code blocks, %s has %d", page, here, twin, there)
		}
	}
}

// TestBoldRenders finds bold text that CommonMark leaves as asterisks: a closing ** behind
// a punctuation mark needs a space or another punctuation mark after it.
func TestBoldRenders(t *testing.T) {
	bold := regexp.MustCompile(`\*\*[^*\n]+([^*\n])\*\*([^*\n])`)
	for _, page := range pages(t) {
		for _, match := range bold.FindAllStringSubmatch(prose(read(t, page)), -1) {
			last, next := []rune(match[1])[0], []rune(match[2])[0]
			mark := unicode.IsPunct(last) || unicode.IsSymbol(last)
			if mark && !unicode.IsSpace(next) && !unicode.IsPunct(next) && !unicode.IsSymbol(next) {
				t.Errorf("%s: %s would be shown with its asterisks", page, match[0])
			}
		}
	}
}

// TestCaddyfiles has Caddy read, and set up without starting, every Caddyfile of the pages.
func TestCaddyfiles(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	count := 0
	for _, page := range pages(t) {
		for _, match := range fence.FindAllStringSubmatch(read(t, page), -1) {
			indent, language, text := match[1], match[2], match[3]
			if language != "caddyfile" {
				continue
			}
			count++
			text = regexp.MustCompile("(?m)^"+indent).ReplaceAllString(text, "")
			t.Run(filepath.Base(page), func(t *testing.T) { load(t, text) })
		}
	}
	if count < 20 {
		t.Errorf("found only %d Caddyfiles: is the search broken?", count)
	}
}

var variable = regexp.MustCompile(`\{(?:\$|env\.)([A-Z_0-9]+)\}`)

// load adapts a Caddyfile and provisions what came of it.
func load(t *testing.T, text string) {
	t.Helper()
	for i, match := range variable.FindAllStringSubmatch(text, -1) {
		if os.Getenv(match[1]) != "" {
			continue
		}
		value := "a-secret-of-thirty-two-characters"
		if strings.HasSuffix(match[1], "APPID") {
			value = "wx00000000000000" + string("0123456789abcdef"[i%16]) + "0"
		}
		if strings.HasSuffix(match[1], "AES_KEY") {
			value = strings.Repeat("a", 42) + "A"
		}
		if strings.HasSuffix(match[1], "PUSH_TOKEN") {
			value = "Token123"
		}
		t.Setenv(match[1], value)
	}
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, warning := range warnings {
		if !strings.Contains(warning.Message, "not formatted") {
			t.Errorf("%s\n%s", warning.Message, text)
		}
	}
	if bytes.Contains(config, []byte("key_file")) {
		return // of a machine that we are not on
	}
	var c caddy.Config
	if err := json.Unmarshal(config, &c); err != nil {
		t.Fatal(err)
	}
	c.Admin = &caddy.AdminConfig{Disabled: true}
	if err := caddy.Validate(&c); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}
