package interactions

import (
	"fmt"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/datafile/schemas"
)

// events gathers rows of silver.interactions; nil when the table is not wanted.
type events struct{ rows *datafile.Batch }

// flushRows is how many rows wait before they are handed on.
const flushRows = 16384

func newEvents(wanted bool) *events {
	if !wanted {
		return nil
	}
	t := schemas.Interactions()
	return &events{datafile.NewBatch(&t.Schema)}
}

// add appends the row of a message. An unknown customer is "".
func (e *events) add(c *mapreduce.Context, event, customer, from string) error {
	if e == nil {
		return nil
	}
	e.rows.Str(event).StrOrNull(customer).Str("interact").Null().Str("interact").StrOrNull(from)
	if e.rows.Len() < flushRows {
		return nil
	}
	return e.flush(c)
}

func (e *events) flush(c *mapreduce.Context) error {
	if e == nil || e.rows.Len() == 0 {
		return nil
	}
	err := c.EmitRow("interactions", e.rows)
	e.rows.Reset()
	return err
}

// eventID names a message by where it stands: its file and offset. A run over the same files gives the same names.
func eventID(c *mapreduce.Context, key []byte) (string, error) {
	at, err := mapreduce.DecodeInt64(key)
	if err != nil {
		return "", fmt.Errorf("the message's offset: %w", err)
	}
	return fmt.Sprintf("%s@%d", c.Split().Path, at), nil
}
