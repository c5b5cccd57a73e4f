package rest

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// positiveIDs adds one to every field id of a create request if the schema uses the id zero, as Spark's does. A catalog gives new ids to a new table anyway; only
// that the partition spec and the sort order still mean the same fields matters.
func positiveIDs(body []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var in map[string]any
	if err := d.Decode(&in); err != nil {
		return nil, err
	}
	zero := false
	eachID(in["schema"], schemaIDs, func(n int64) int64 { zero = zero || n == 0; return n })
	if !zero {
		return body, nil
	}
	next := func(n int64) int64 { return n + 1 }
	eachID(in["schema"], schemaIDs, next)
	eachID(in["partition-spec"], sourceIDs, next)
	eachID(in["write-order"], sourceIDs, next)
	return json.Marshal(in)
}

var (
	schemaIDs = map[string]bool{"id": true, "element-id": true, "key-id": true, "value-id": true, "identifier-field-ids": true}
	sourceIDs = map[string]bool{"source-id": true, "source-ids": true}
)

// eachID replaces the ids under the given keys, at any depth.
func eachID(node any, keys map[string]bool, f func(int64) int64) {
	replace := func(v any) any {
		if n, ok := v.(json.Number); ok {
			if i, err := n.Int64(); err == nil {
				return json.Number(strconv.FormatInt(f(i), 10))
			}
		}
		return v
	}
	switch n := node.(type) {
	case []any:
		for _, v := range n {
			eachID(v, keys, f)
		}
	case map[string]any:
		for k, v := range n {
			list, isList := v.([]any)
			switch {
			case keys[k] && isList:
				for i := range list {
					list[i] = replace(list[i])
				}
			case keys[k]:
				n[k] = replace(v)
			default:
				eachID(v, keys, f)
			}
		}
	}
}
