package replaynode

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// Chain is a set of recorded blocks, most likely with holes between them. Recordings stay packed until they are asked for.
type Chain struct {
	numbers []uint64
	packed  map[uint64]recording

	mu     sync.Mutex // guards the rest; decoding happens under it
	cache  map[uint64]*block
	recent []uint64 // numbers in cache, oldest use first
	byHash map[string]uint64
}

type recording struct {
	name string
	data []byte
}

const cached = 24

// Load takes every file NUMBER*.json or NUMBER*.json.gz of a directory tree. The contents are read when they are asked for.
func Load(dir fs.FS) (*Chain, error) {
	c := &Chain{packed: map[uint64]recording{}, cache: map[uint64]*block{}, byHash: map[string]uint64{}}
	err := fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		base := path.Base(name)
		if !strings.HasSuffix(base, ".json") && !strings.HasSuffix(base, ".json.gz") {
			return nil
		}
		digits := base[:len(base)-len(strings.TrimLeft(base, "0123456789"))]
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil {
			return nil // not a block: an index, a licence
		}
		data, err := fs.ReadFile(dir, name)
		if err != nil {
			return err
		}
		if _, ok := c.packed[n]; !ok {
			c.numbers = append(c.numbers, n)
		}
		c.packed[n] = recording{name, data}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load recorded blocks: %w", err)
	}
	if len(c.numbers) == 0 {
		return nil, fmt.Errorf("load recorded blocks: no file NUMBER.json or NUMBER.json.gz")
	}
	sort.Slice(c.numbers, func(i, j int) bool { return c.numbers[i] < c.numbers[j] })
	return c, nil
}

// Numbers are the recorded blocks, sorted.
func (c *Chain) Numbers() []uint64 { return append([]uint64(nil), c.numbers...) }

// List is Numbers as `lode ingest geth --blocks` takes them.
func (c *Chain) List() string {
	var b strings.Builder
	for i := 0; i < len(c.numbers); {
		j := i
		for j+1 < len(c.numbers) && c.numbers[j+1] == c.numbers[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, c.numbers[i])
		if j > i {
			fmt.Fprintf(&b, "-%d", c.numbers[j])
		}
		i = j + 1
	}
	return b.String()
}

func (c *Chain) head() uint64 { return c.numbers[len(c.numbers)-1] }

// at answers a block; nil without an error when it is not recorded.
func (c *Chain) at(n uint64) (*block, error) {
	r, ok := c.packed[n]
	if !ok {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := c.cache[n]; b != nil {
		for i, k := range c.recent {
			if k == n {
				c.recent = append(append(c.recent[:i], c.recent[i+1:]...), n)
				break
			}
		}
		return b, nil
	}
	b, err := decode(r)
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", r.name, err)
	}
	c.cache[n], c.byHash[b.hash] = b, n
	c.recent = append(c.recent, n)
	if len(c.recent) > cached {
		delete(c.cache, c.recent[0])
		c.recent = c.recent[1:]
	}
	return b, nil
}

// hash answers a block by its hash, if it was served by number before (a client learns hashes no other way).
func (c *Chain) hash(h string) (*block, error) {
	c.mu.Lock()
	n, ok := c.byHash[strings.ToLower(h)]
	c.mu.Unlock()
	if !ok {
		return nil, nil
	}
	return c.at(n)
}

func decode(r recording) (*block, error) {
	var in io.Reader = bytes.NewReader(r.data)
	if strings.HasSuffix(r.name, ".gz") {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		in = z
	}
	d := json.NewDecoder(in)
	d.UseNumber()
	var o object
	if err := d.Decode(&o); err != nil {
		return nil, err
	}
	return form(o)
}
