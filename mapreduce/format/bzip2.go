package format

import (
	"bytes"
	"cmp"
	"io"
	"slices"
)

// bzip2Writer writes bzip2 streams (the standard library only reads them): run-length coding, Burrows-Wheeler transform by
// prefix doubling, move to front, and one Huffman table used twice (the format wants two at least). Block size 100 k.
type bzip2Writer struct {
	bits  bitWriter
	block []byte // after the first run-length coding
	run   int
	last  byte
	crc   uint32
	all   uint32
	began bool
}

const bzip2Block = 100_000 - 20

func newBzip2Writer(w io.Writer) *bzip2Writer {
	return &bzip2Writer{bits: bitWriter{w: w}, crc: 0xffffffff}
}

func bzip2CRC(crc uint32, b byte) uint32 {
	crc ^= uint32(b) << 24
	for range 8 {
		if crc&0x80000000 != 0 {
			crc = crc<<1 ^ 0x04c11db7
		} else {
			crc <<= 1
		}
	}
	return crc
}

func (z *bzip2Writer) Write(p []byte) (int, error) {
	for _, c := range p {
		if z.run > 0 && c == z.last && z.run < 255 {
			z.run++
		} else {
			z.flushRun()
			if len(z.block) >= bzip2Block {
				z.endBlock()
			}
			z.run, z.last = 1, c
		}
		z.crc = bzip2CRC(z.crc, c)
	}
	return len(p), z.bits.err
}

func (z *bzip2Writer) flushRun() {
	if z.run == 0 {
		return
	}
	for range min(z.run, 4) {
		z.block = append(z.block, z.last)
	}
	if z.run >= 4 {
		z.block = append(z.block, byte(z.run-4))
	}
	z.run = 0
}

func (z *bzip2Writer) begin() {
	if !z.began {
		z.began = true
		for _, c := range []byte("BZh1") {
			z.bits.put(uint64(c), 8)
		}
	}
}

func (z *bzip2Writer) endBlock() {
	z.begin()
	if len(z.block) == 0 {
		return
	}
	crc := ^z.crc
	z.all = (z.all<<1 | z.all>>31) ^ crc
	z.bits.put(0x314159265359, 48)
	z.bits.put(uint64(crc), 32)
	z.bits.put(0, 1)
	last, origin := burrowsWheeler(z.block)
	z.bits.put(uint64(origin), 24)
	z.writeSymbols(last)
	z.block, z.crc = z.block[:0], 0xffffffff
}

func (z *bzip2Writer) writeSymbols(data []byte) {
	var used [256]bool
	for _, c := range data {
		used[c] = true
	}
	var groups uint64
	var alphabet []byte
	for g := range 16 {
		groups <<= 1
		for i := range 16 {
			if used[16*g+i] {
				groups |= 1
				alphabet = append(alphabet, byte(16*g+i))
			}
		}
	}
	z.bits.put(groups, 16)
	for g := range 16 {
		if groups>>(15-g)&1 == 1 {
			var m uint64
			for i := range 16 {
				m <<= 1
				if used[16*g+i] {
					m |= 1
				}
			}
			z.bits.put(m, 16)
		}
	}
	syms := moveToFront(data, alphabet)
	n := len(alphabet) + 2
	freq := make([]int, n)
	for _, s := range syms {
		freq[s]++
	}
	lengths := huffmanLengths(freq, 17)
	codes := canonicalCodes(lengths)
	selectors := (len(syms) + 49) / 50
	z.bits.put(2, 3)
	z.bits.put(uint64(selectors), 15)
	for range selectors {
		z.bits.put(0, 1)
	}
	for range 2 {
		cur := lengths[0]
		z.bits.put(uint64(cur), 5)
		for _, l := range lengths {
			for cur < l {
				z.bits.put(2, 2)
				cur++
			}
			for cur > l {
				z.bits.put(3, 2)
				cur--
			}
			z.bits.put(0, 1)
		}
	}
	for _, s := range syms {
		z.bits.put(uint64(codes[s]), lengths[s])
	}
}

// burrowsWheeler returns the last column of the sorted rotations and the row of the original.
func burrowsWheeler(b []byte) ([]byte, int) {
	n := len(b)
	order, rank, next := make([]int, n), make([]int, n), make([]int, n)
	for i := range order {
		order[i], rank[i] = i, int(b[i])
	}
	for step := 0; ; step = max(1, 2*step) {
		compare := func(i, j int) int {
			if rank[i] != rank[j] {
				return cmp.Compare(rank[i], rank[j])
			}
			return cmp.Compare(rank[(i+step)%n], rank[(j+step)%n])
		}
		slices.SortFunc(order, compare)
		next[order[0]] = 0
		for i := 1; i < n; i++ {
			next[order[i]] = next[order[i-1]]
			if compare(order[i-1], order[i]) != 0 {
				next[order[i]]++
			}
		}
		copy(rank, next)
		if rank[order[n-1]] == n-1 || step >= n {
			break
		}
	}
	last, origin := make([]byte, n), 0
	for i, at := range order {
		if at == 0 {
			origin = i
		}
		last[i] = b[(at+n-1)%n]
	}
	return last, origin
}

// moveToFront codes data as positions in a moving list, runs of zeros as bijective base 2 (symbols 0 and 1), and an end mark.
func moveToFront(data, alphabet []byte) []uint16 {
	list := slices.Clone(alphabet)
	var out []uint16
	zeros := 0
	flush := func() {
		for n := zeros; n > 0; n = (n - 1) / 2 {
			out = append(out, uint16((n-1)&1))
			if n <= 2 {
				break
			}
		}
		zeros = 0
	}
	for _, c := range data {
		i := bytes.IndexByte(list, c)
		if i == 0 {
			zeros++
			continue
		}
		flush()
		out = append(out, uint16(i+1))
		copy(list[1:i+1], list[:i])
		list[0] = c
	}
	flush()
	return append(out, uint16(len(alphabet)+1))
}

// huffmanLengths finds code lengths of at most limit bits; every symbol gets one.
func huffmanLengths(freq []int, limit int) []int {
	weights := slices.Clone(freq)
	for {
		lengths, longest := huffmanOnce(weights)
		if longest <= limit {
			return lengths
		}
		for i := range weights {
			weights[i] = weights[i]/2 + 1
		}
	}
}

func huffmanOnce(weights []int) ([]int, int) {
	type node struct{ weight, left, right int }
	var nodes []node
	var live []int
	for i, w := range weights {
		nodes = append(nodes, node{max(w, 1), -1, -1})
		live = append(live, i)
	}
	for len(live) > 1 {
		slices.SortStableFunc(live, func(a, b int) int { return cmp.Compare(nodes[b].weight, nodes[a].weight) })
		a, b := live[len(live)-1], live[len(live)-2]
		nodes = append(nodes, node{nodes[a].weight + nodes[b].weight, a, b})
		live = append(live[:len(live)-2], len(nodes)-1)
	}
	lengths, longest := make([]int, len(weights)), 0
	var walk func(n, depth int)
	walk = func(n, depth int) {
		if nodes[n].left < 0 {
			lengths[n] = max(depth, 1)
			longest = max(longest, depth)
			return
		}
		walk(nodes[n].left, depth+1)
		walk(nodes[n].right, depth+1)
	}
	walk(live[0], 0)
	return lengths, longest
}

func canonicalCodes(lengths []int) []uint32 {
	codes := make([]uint32, len(lengths))
	code := uint32(0)
	for l := 1; l <= 20; l++ {
		for i, n := range lengths {
			if n == l {
				codes[i] = code
				code++
			}
		}
		code <<= 1
	}
	return codes
}

func (z *bzip2Writer) Close() error {
	z.flushRun()
	z.endBlock()
	z.bits.put(0x177245385090, 48)
	z.bits.put(uint64(z.all), 32)
	return z.bits.close()
}

// bitWriter writes bits, most significant first.
type bitWriter struct {
	w   io.Writer
	acc uint64
	n   int
	buf []byte
	err error
}

func (b *bitWriter) put(v uint64, n int) {
	if n > 32 {
		b.put(v>>32, n-32)
		n, v = 32, v&0xffffffff
	}
	b.acc = b.acc<<n | v
	for b.n += n; b.n >= 8; b.n -= 8 {
		b.buf = append(b.buf, byte(b.acc>>(b.n-8)))
	}
	if len(b.buf) >= 32<<10 {
		b.flush()
	}
}

func (b *bitWriter) flush() {
	if b.err == nil {
		_, b.err = b.w.Write(b.buf)
	}
	b.buf = b.buf[:0]
}

func (b *bitWriter) close() error {
	if b.n > 0 {
		b.put(0, 8-b.n)
	}
	b.flush()
	return b.err
}
