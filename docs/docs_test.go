// docs_test.go: the pages hold together: links lead somewhere, both languages agree, bold text renders.

// Package docs holds no program, only the pages and what checks them.
package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
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

// block is a code block of a page, without its indentation.
type block struct {
	language, text string
	why            string // it is not run: from the comment before it, see notRun
}

// notRun is the comment before a block that no test of this directory runs. It says why,
// or what else runs it. It is not shown.
var notRun = regexp.MustCompile(`<!-- (not run: [^\n]+|run by: [^\n]+) -->\n$`)

func blocks(text string) []block {
	var found []block
	for _, at := range fence.FindAllStringSubmatchIndex(text, -1) {
		indent := text[at[2]:at[3]]
		b := block{language: text[at[4]:at[5]], text: regexp.MustCompile("(?m)^"+indent).ReplaceAllString(text[at[6]:at[7]], "")}
		if match := notRun.FindStringSubmatch(strings.TrimRight(text[:at[0]], " \n") + "\n"); match != nil {
			b.why = match[1]
		}
		found = append(found, b)
	}
	return found
}

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
