package sqlcli

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// widthRows is how many rows decide the widths of the columns: the rest streams.
const widthRows = 500

// maxWidth cuts long values (calldata, logs); the other formats show them whole.
const maxWidth = 80

// printTable reads CSV and writes aligned columns, and says how many rows there were.
func printTable(w io.Writer, rows io.Reader) (int, error) {
	in := csv.NewReader(bufio.NewReaderSize(rows, 1<<16))
	in.FieldsPerRecord = -1
	header, err := in.Read()
	if errors.Is(err, io.EOF) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	out := bufio.NewWriter(w)
	t := &aligned{out: out, widths: make([]int, len(header)), right: make([]bool, len(header))}
	var first [][]string
	n := 0
	for len(first) < widthRows {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return n, err
		}
		first = append(first, row)
		n++
	}
	t.measure(header, first)
	t.row(header)
	for i, width := range t.widths {
		if i > 0 {
			out.WriteString("-+-")
		}
		out.WriteString(strings.Repeat("-", width))
	}
	out.WriteByte('\n')
	for _, row := range first {
		t.row(row)
	}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			_ = out.Flush()
			return n, err
		}
		t.row(row)
		n++
	}
	plural := "s"
	if n == 1 {
		plural = ""
	}
	fmt.Fprintf(out, "(%d row%s)\n", n, plural)
	return n, out.Flush()
}

type aligned struct {
	out    *bufio.Writer
	widths []int
	right  []bool
}

func (t *aligned) measure(header []string, rows [][]string) {
	for i, h := range header {
		t.widths[i] = utf8.RuneCountInString(cut(h))
		t.right[i] = len(rows) > 0
	}
	for _, row := range rows {
		for i, v := range row {
			if i >= len(t.widths) {
				break
			}
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cut(v)))
			t.right[i] = t.right[i] && strings.Trim(v, "0123456789.-+e") == ""
		}
	}
}

// cut makes a value one line of at most maxWidth characters, harmless to a terminal.
func cut(v string) string {
	v = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, v)
	if utf8.RuneCountInString(v) > maxWidth {
		v = string([]rune(v)[:maxWidth-1]) + "…"
	}
	return v
}

func (t *aligned) row(values []string) {
	for i, v := range values {
		if i >= len(t.widths) {
			break
		}
		if i > 0 {
			t.out.WriteString(" | ")
		}
		v = cut(v)
		pad := strings.Repeat(" ", max(0, t.widths[i]-utf8.RuneCountInString(v)))
		switch {
		case t.right[i]:
			t.out.WriteString(pad + v)
		case i == len(t.widths)-1:
			t.out.WriteString(v)
		default:
			t.out.WriteString(v + pad)
		}
	}
	t.out.WriteByte('\n')
}
