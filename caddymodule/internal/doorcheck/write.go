// write.go: a report in words, for a terminal.

package doorcheck

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	width = 80 // columns of a terminal

	// So many of one kind are all listed; of more, when all that were tried got through,
	// some are shown.
	listed = 20
)

// Write says what was asked, what got through, each kind once with those of it that did,
// and how to mend it. No line is wider than 80 columns, unless a word of it is.
func (r Report) Write(out io.Writer) error {
	var text strings.Builder
	what := "a page"
	if r.IsCheck {
		what = "a wechat_check"
	}
	fmt.Fprintf(&text, "Asked %s %d times.\n", what, r.Asked)
	for _, note := range r.Notes {
		wrap(&text, "Note: ", note+".")
	}
	if len(r.Findings) == 0 {
		text.WriteString("Nothing got through.\n")
	}
	// what is mended in one way is said together
	for _, together := range groups(r.Findings, func(f Finding) string { return f.Mend }) {
		text.WriteString("\n")
		for _, alike := range groups(together, Finding.subject) {
			head := "THROUGH  "
			if alike[0].NoGate {
				head = "NO GATE  "
			}
			wrap(&text, head, alike[0].subject()+which(alike))
		}
		wrap(&text, "Mend it: ", together[0].Mend+".")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// subject is what is said once.
func (f Finding) subject() string {
	if f.Kind == "" {
		return f.What
	}
	return f.Kind
}

// which lists those of one kind, behind its subject.
func which(alike []Finding) string {
	first := alike[0]
	if first.Kind == "" {
		return ""
	}
	var all []string
	for _, same := range groups(alike, func(f Finding) string { return f.Shape }) {
		if same[0].Shape == "" || len(same) < 3 {
			for _, f := range same {
				all = append(all, f.Which)
			}
			continue
		}
		all = append(all, fmt.Sprintf("%s and %d other names spelled like it", same[0].Which, len(same)-1))
	}
	if len(alike) == first.Tried && len(alike) > listed {
		return fmt.Sprintf(" (all %d that were tried, such as %s)", len(alike), strings.Join([]string{first.Which, alike[1].Which, alike[2].Which}, ", "))
	}
	if len(all) == 1 {
		return " (" + all[0] + ")"
	}
	return fmt.Sprintf(" (%d of %d: %s)", len(alike), first.Tried, strings.Join(all, "; "))
}

// groups puts together what has the same key, in the order of the first of each.
func groups(all []Finding, key func(Finding) string) (grouped [][]Finding) {
	for _, f := range all {
		i := slices.IndexFunc(grouped, func(g []Finding) bool { return key(g[0]) == key(f) })
		if i < 0 {
			i, grouped = len(grouped), append(grouped, nil)
		}
		grouped[i] = append(grouped[i], f)
	}
	return grouped
}

// wrap writes a text behind a head, and more lines of it below the text.
func wrap(out *strings.Builder, head, text string) {
	indent := strings.Repeat(" ", len(head))
	out.WriteString(head)
	column := len(head)
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) > width:
			out.WriteString("\n" + indent)
			column = len(indent)
		default:
			out.WriteString(" ")
			column++
		}
		out.WriteString(word)
		column += len(word)
	}
	out.WriteString("\n")
}
