package interactions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrMessage is wrapped by every reason why a line is no message.
var ErrMessage = errors.New("not an interaction")

// Message is one interaction. Without an id it has both names.
type Message struct {
	ID          int64
	HasID       bool
	First, Last string
	Born, Place string
}

// Parse reads a line.
func Parse(line []byte) (Message, error) {
	var m Message
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return m, fmt.Errorf("%w: empty line", ErrMessage)
	}
	if !utf8.Valid(line) {
		return m, fmt.Errorf("%w: not UTF-8", ErrMessage)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(line, &raw); err != nil {
		return m, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if raw == nil {
		return m, fmt.Errorf("%w: null", ErrMessage)
	}
	text := func(names ...string) string {
		for _, n := range names {
			var s string
			if v, ok := raw[n]; ok && json.Unmarshal(v, &s) == nil && strings.TrimSpace(s) != "" {
				return s
			}
		}
		return ""
	}
	m.First, m.Last = text("prenom", "prénom", "pre\u0301nom"), text("nom")
	m.Born, m.Place = text("dateNaissance", "date"), text("lieuNaissance", "lieu")
	id := strings.TrimSpace(strings.Trim(string(raw["idClient"]), `"`))
	if id != "" && id != "null" {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return m, fmt.Errorf("%w: idClient %.40q is no number", ErrMessage, id)
		}
		m.ID, m.HasID = n, true
		return m, nil
	}
	if m.First == "" || m.Last == "" {
		return m, fmt.Errorf("%w: neither idClient nor both names", ErrMessage)
	}
	return m, nil
}
