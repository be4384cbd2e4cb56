// xml.go: reading a message in XML.

package message

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
)

// readXML reads the children of the root element. It takes UTF-8 alone, no
// document type (so there are no entities but XML's own five), no namespaces
// and at most maxDepth levels.
func (f *fields) readXML(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body)) // strict; knows no charset but UTF-8
	var text []byte                            // of the member that is being read
	var leaf []byte                            // its end: what came since the last tag
	depth, rooted := 0, false
	endLeaf := func() {
		if s := bytes.Trim(leaf, " \t\r\n"); len(s) > 0 && depth > 1 {
			f.add(string(s), false)
		}
		leaf = leaf[:0]
	}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && depth == 0 && rooted {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			endLeaf()
			depth++
			if t.Name.Space != "" || depth > maxDepth || depth == 1 && rooted || len(f.list) >= maxFields {
				return errUnreadable
			}
			rooted = true
			if depth == 2 {
				f.begin(t.Name.Local)
				text = text[:0]
			} else if depth > 2 {
				f.add(t.Name.Local, true)
			}
		case xml.EndElement:
			if depth == 2 {
				whole := string(text)
				if s := trim(whole); s != "" && len(leaf) == len(text) { // one text, as nearly always
					f.add(s, false)
					leaf = leaf[:0]
				}
				f.list[len(f.list)-1].text = whole
			}
			endLeaf()
			depth--
		case xml.CharData:
			if depth < 2 && len(bytes.Trim(t, " \t\r\n")) > 0 {
				return errUnreadable
			}
			if depth >= 2 {
				text = append(text, t...)
				leaf = append(leaf, t...)
			}
		case xml.Comment:
		case xml.ProcInst:
			if rooted || t.Target != "xml" {
				return errUnreadable
			}
		default: // a Directive: DOCTYPE, ENTITY
			return errUnreadable
		}
	}
}
