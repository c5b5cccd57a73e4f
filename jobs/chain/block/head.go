package block

import "bytes"

// Head reads a block's chain ("" when the input does not say), height and hash (lower case) and passes over everything else. Like Parse it changes the input in place.
func Head(input []byte) (chain string, number int64, hash string, err error) {
	p := &parser{scanner: scanner{b: bytes.TrimSpace(input)}, out: &Block{}}
	field := func(key []byte) error {
		if k := string(key); k == "number" || k == "hash" {
			return p.headerField(key)
		}
		return p.skip()
	}
	err = p.object(func(key []byte) error {
		switch k := string(key); {
		case k == "chain":
			v, err := p.plain(key)
			p.out.Chain = string(v)
			return err
		case (k == "block" || k == "result") && p.peek() == '{':
			return p.object(field)
		}
		return field(key)
	})
	if err == nil && (!p.header || p.out.Hash == nil) {
		err = p.errorf("no block in it (number and hash are needed)")
	}
	return p.out.Chain, p.out.Number, string(p.out.Hash), err
}
