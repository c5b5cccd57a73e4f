package training

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/big"
	"strconv"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/format"
)

// TeraSort's rows: 100 bytes without line ends, the first 10 are the key.
const (
	teraRow = 100
	teraKey = 10
)

func teraGen() mapreduce.Program {
	const usage = "<rows> <out>"
	return mapreduce.Program{Name: "teragen", Usage: usage, Description: "makes rows of 100 bytes to sort", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
		args, err := inv.NArgs(2, usage)
		if err != nil {
			return nil, err
		}
		rows, err := humanNumber(args[0])
		if err != nil {
			return nil, &mapreduce.UsageError{Program: inv.Program, Usage: usage, Message: err.Error()}
		}
		out := format.NewTextOutput(args[1])
		out.Raw = true
		return mapreduce.SingleStage("TeraGen", &mapreduce.Stage{
			Inputs: []mapreduce.Input{{Format: format.Range{Total: rows, Tasks: int(inv.Conf.Int(2, "mapreduce.job.maps"))}, Mapper: func() mapreduce.Mapper { return &teraMaker{} }}},
			Output: out,
		}), nil
	}}
}

// humanNumber reads 1000000, 1k, 10m, 2g, 1t as Apache's teragen does.
func humanNumber(text string) (int64, error) {
	factor := int64(1)
	if n := len(text); n > 0 {
		if f, ok := map[byte]int64{'k': 1e3, 'm': 1e6, 'b': 1e9, 'g': 1e9, 't': 1e12}[text[n-1]]; ok {
			factor, text = f, text[:n-1]
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no number of rows", text)
	}
	return n * factor, nil
}

// teraMaker makes a row of its number alone, so that any cut of the range gives the same rows.
type teraMaker struct{ row [teraRow]byte }

func (t *teraMaker) Map(c *mapreduce.Context, key, _ []byte) error {
	n, err := mapreduce.DecodeInt64(key)
	if err != nil {
		return err
	}
	a, b := mix(uint64(n)), mix(uint64(n)+0x9e3779b97f4a7c15)
	r := t.row[:0]
	r = binary.BigEndian.AppendUint64(r, a)
	r = binary.BigEndian.AppendUint16(r, uint16(b))
	r = append(r, 0x00, 0x11)
	r = fmt.Appendf(r, "%032X", n)
	r = append(r, 0x88, 0x99, 0xAA, 0xBB)
	for i := range 12 {
		d := "0123456789ABCDEF"[b>>(4*i)&15]
		r = append(r, d, d, d, d)
	}
	r = append(r, 0xCC, 0xDD, 0xEE, 0xFF)
	return c.Emit(r[:teraKey], r[teraKey:])
}

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

func teraSort() mapreduce.Program {
	const usage = "<in> <out>"
	return mapreduce.Program{Name: "terasort", Usage: usage, Description: "sorts rows of 100 bytes by their first 10, over all output files", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
		in, dir, err := inOut(inv, usage)
		if err != nil {
			return nil, err
		}
		input := format.Fixed{Paths: in, Record: teraRow, Key: teraKey}
		out := format.NewTextOutput(dir)
		out.Raw = true
		reduces := max(1, inv.Conf.Reduces(2))
		return mapreduce.SingleStage("TeraSort", &mapreduce.Stage{Inputs: []mapreduce.Input{{Format: input}}, Reducer: mapreduce.IdentityReducer, Reduces: reduces, Output: out,
			Prepare: mapreduce.SampleCuts(input, reduces, nil), PartitionWith: mapreduce.CutPartitioner(nil)}), nil
	}}
}

func teraValidate() mapreduce.Program {
	const usage = "<in> <out>"
	return mapreduce.Program{Name: "teravalidate", Usage: usage, Description: "checks the output of terasort: order and checksum", Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
		in, dir, err := inOut(inv, usage)
		if err != nil {
			return nil, err
		}
		s := &mapreduce.Stage{Inputs: []mapreduce.Input{{Format: format.Fixed{Paths: in, Record: teraRow, Key: teraKey}, Mapper: func() mapreduce.Mapper { return &teraChecker{} }}},
			Reducer: func() mapreduce.Reducer { return &teraJudge{} }, Reduces: 1, Output: format.NewTextOutput(dir)}
		s.Conf = mapreduce.NewConf(map[string]string{"mapreduce.input.fileinputformat.split.minsize": "9000000000000000000"}) // a file is in order as a whole
		return mapreduce.SingleStage("TeraValidate", s), nil
	}}
}

// teraChecker checks the order inside a file and hands on its first and last key, and the sum of the rows' CRC32.
type teraChecker struct {
	first, last []byte
	sum         big.Int
	one         big.Int
}

func (t *teraChecker) Map(c *mapreduce.Context, key, value []byte) error {
	if t.first == nil {
		t.first = bytes.Clone(key)
	} else if bytes.Compare(t.last, key) > 0 {
		if err := c.Emit([]byte("error"), fmt.Appendf(nil, "misorder in %s between %x and %x", c.Split().Path, t.last, key)); err != nil {
			return err
		}
	}
	t.last = append(t.last[:0], key...)
	t.one.SetUint64(uint64(crc32.Update(crc32.ChecksumIEEE(key), crc32.IEEETable, value)))
	t.sum.Add(&t.sum, &t.one)
	return nil
}

// Finish reports the file.
func (t *teraChecker) Finish(c *mapreduce.Context) error {
	if t.first == nil {
		return nil
	}
	path := c.Split().Path
	if err := c.Emit(append([]byte("file "), path...), fmt.Appendf(nil, "%x %x", t.first, t.last)); err != nil {
		return err
	}
	return c.Emit([]byte("checksum"), []byte(t.sum.Text(16)))
}

// teraJudge compares neighbouring files, whose names are in order, and adds the checksums.
type teraJudge struct{ file, last string }

func (t *teraJudge) Reduce(c *mapreduce.Context, key []byte, values *mapreduce.Values) error {
	var sum big.Int
	for values.Next() {
		v := string(values.Value())
		switch {
		case bytes.Equal(key, []byte("checksum")):
			one, ok := new(big.Int).SetString(v, 16)
			if !ok {
				return fmt.Errorf("checksum %q", v)
			}
			sum.Add(&sum, one)
		case bytes.Equal(key, []byte("error")):
			if err := c.Emit(key, values.Value()); err != nil {
				return err
			}
		default:
			var first, last string
			if _, err := fmt.Sscan(v, &first, &last); err != nil {
				return err
			}
			if t.last != "" && t.last > first {
				if err := c.Emit([]byte("error"), fmt.Appendf(nil, "bad key partitioning: %s ends with %s, %s begins with %s", t.file, t.last, key[5:], first)); err != nil {
					return err
				}
			}
			t.file, t.last = string(key[5:]), last
		}
	}
	if bytes.Equal(key, []byte("checksum")) {
		if err := c.Emit(key, []byte(sum.Text(16))); err != nil {
			return err
		}
	}
	return values.Err()
}
