// xml.go: reading a message in XML.

package message

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// readXML reads the children of the root element. It takes UTF-8 alone, no
// document type (so there are no entities but XML's own five), no namespaces
// and at most maxDepth levels.
func readXML(body []byte) ([]field, error) {
	d := xml.NewDecoder(bytes.NewReader(body)) // strict; knows no charset but UTF-8
	var list []field
	var text strings.Builder // of the member that is being read
	var leaf strings.Builder // between two tags inside it
	depth, rooted := 0, false
	endLeaf := func() {
		if s := trim(leaf.String()); s != "" && depth > 1 {
			list[len(list)-1].leaf(s)
		}
		leaf.Reset()
	}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && depth == 0 && rooted {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			endLeaf()
			depth++
			if t.Name.Space != "" || depth > maxDepth || depth == 1 && rooted || len(list) >= maxFields {
				return nil, errUnreadable
			}
			rooted = true
			if depth == 2 {
				list = append(list, field{name: t.Name.Local})
				text.Reset()
			} else if depth > 2 {
				m := &list[len(list)-1]
				m.shape = append(m.shape, t.Name.Local)
			}
		case xml.EndElement:
			endLeaf()
			if depth == 2 {
				list[len(list)-1].text = text.String()
			}
			depth--
		case xml.CharData:
			if depth < 2 && len(bytes.Trim(t, " \t\r\n")) > 0 {
				return nil, errUnreadable
			}
			if depth >= 2 {
				text.Write(t)
				leaf.Write(t)
			}
		case xml.Comment:
		case xml.ProcInst:
			if rooted || t.Target != "xml" {
				return nil, errUnreadable
			}
		default: // a Directive: DOCTYPE, ENTITY
			return nil, errUnreadable
		}
	}
}
