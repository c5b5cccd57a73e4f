package block

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"hash/crc32"
	"net"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// TestHeaderGolden compares the hand-made header with the message's own encoding, and with bytes that never change.
func TestHeaderGolden(t *testing.T) {
	for _, h := range []Header{
		{Offset: 0, Seqno: 0, DataLen: 512},
		{Offset: 1 << 40, Seqno: 1 << 33, DataLen: 65536, Sync: true},
		{Offset: 7, Seqno: 3, Last: true},
		{Seqno: SeqHeartbeat},
	} {
		b := make([]byte, 100)
		start := PutPacketHeader(b, 100, h, 4)
		msg := &hdfspb.PacketHeaderProto{
			OffsetInBlock: proto.Int64(h.Offset), Seqno: proto.Int64(h.Seqno),
			LastPacketInBlock: proto.Bool(h.Last), DataLen: proto.Int32(int32(h.DataLen)),
		}
		if h.Sync {
			msg.SyncBlock = proto.Bool(true)
		}
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(msg)
		if err != nil || !bytes.Equal(b[start+6:], want) {
			t.Errorf("%+v: % x, want % x, %v", h, b[start+6:], want, err)
		}
		got, err := parseHeader(b[start+6:])
		if err != nil || got != h {
			t.Errorf("%+v came back as %+v, %v", h, got, err)
		}
	}
	b := make([]byte, 40)
	start := PutPacketHeader(b, 40, Header{Offset: 512, Seqno: 1, DataLen: 3}, 4)
	if got := hex.EncodeToString(b[start:]); got != "0000000b0019090002000000000000110100000000000000180025"+"03000000" {
		t.Error(got)
	}
}

func FuzzPacketHeader(f *testing.F) {
	b := make([]byte, 64)
	start := PutPacketHeader(b, 64, Header{Offset: 512, Seqno: 1, DataLen: 3}, 4)
	f.Add(b[start:])
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0})
	f.Add([]byte{0, 0, 0, 4, 0, 2, 8, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		h, n, err := readPacketHeader(bytes.NewReader(in), make([]byte, 64))
		if err == nil && (n < 0 || n > MaxPacket || h.DataLen < 0 || h.DataLen > MaxPacket || h.Offset < 0) {
			t.Fatalf("%+v with %d bytes of checksums was taken", h, n)
		}
	})
}

func FuzzDelimited(f *testing.F) {
	ok, err := AppendDelimited(nil, &hdfspb.BlockOpResponseProto{Status: hdfspb.Status_SUCCESS.Enum(), FirstBadLink: proto.String("")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ok)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, in []byte) {
		var resp hdfspb.BlockOpResponseProto
		_ = ReadDelimited(bufio.NewReader(bytes.NewReader(in)), &resp)
	})
}

// FuzzRemote gives a reader what a datanode may send after its answer: it ends with an error or with the right bytes.
func FuzzRemote(f *testing.F) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 96) // three chunks
	sum, err := NewChecksum(hdfspb.ChecksumTypeProto_CHECKSUM_CRC32C, 512)
	if err != nil {
		f.Fatal(err)
	}
	good := frame(sum, data, 0, 0, false)
	good = append(good, frame(sum, nil, int64(len(data)), 1, true)...)
	f.Add(good)
	f.Add(good[:100])
	bad := bytes.Clone(good)
	bad[200] ^= 1
	f.Add(bad)
	f.Fuzz(func(t *testing.T, in []byte) {
		r := remoteOf(in, sum, int64(len(data)))
		got := make([]byte, len(data))
		n := 0
		for n < len(got) {
			m, err := r.Read(got[n:])
			n += m
			if err != nil {
				break
			}
		}
		if bytes.Equal(in, good) && !bytes.Equal(got[:n], data) {
			t.Fatal("good packets were not taken")
		}
		for i := 0; i+512 <= n; i += 512 {
			if !bytes.Contains(in, got[i:i+512]) {
				t.Fatal("bytes that nobody sent")
			}
		}
	})
}

func frame(sum Checksum, data []byte, off, seq int64, last bool) []byte {
	sums := make([]byte, sum.Len(len(data)))
	sum.Put(sums, data, sum.Chunk)
	b := make([]byte, HeaderReserve)
	start := PutPacketHeader(b, HeaderReserve, Header{Offset: off, Seqno: seq, DataLen: len(data), Last: last}, len(sums))
	return append(append(b[start:], sums...), data...)
}

type silent struct{ net.Conn }

func (silent) Close() error                     { return nil }
func (silent) SetReadDeadline(time.Time) error  { return nil }
func (silent) SetWriteDeadline(time.Time) error { return nil }

func remoteOf(in []byte, sum Checksum, n int64) *Remote {
	c := newConn(silent{}, "test", time.Minute)
	c.R = bufio.NewReader(bytes.NewReader(in))
	block := &hdfspb.ExtendedBlockProto{PoolId: proto.String("BP"), BlockId: proto.Uint64(1), GenerationStamp: proto.Uint64(1)}
	return &Remote{conn: c, req: Request{Block: block}, sum: sum, end: n, head: make([]byte, 64)}
}

// TestRemoteCorrupt flips every byte of a good answer, one at a time: no wrong byte may come out.
func TestRemoteCorrupt(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 96)
	sum, err := NewChecksum(hdfspb.ChecksumTypeProto_CHECKSUM_CRC32C, 512)
	if err != nil {
		t.Fatal(err)
	}
	good := frame(sum, data[:1024], 0, 0, false)
	good = append(good, frame(sum, data[1024:], 1024, 1, false)...)
	good = append(good, frame(sum, nil, int64(len(data)), 2, true)...)
	for i := range good {
		for _, step := range []int{100, len(data)} {
			in := bytes.Clone(good)
			in[i] ^= 0x40
			r := remoteOf(in, sum, int64(len(data)))
			var got []byte
			b := make([]byte, step)
			for {
				n, err := r.Read(b)
				got = append(got, b[:n]...)
				if err != nil {
					break
				}
			}
			if !bytes.Equal(got, data[:len(got)]) {
				t.Fatalf("byte %d flipped, reads of %d: wrong bytes came out", i, step)
			}
		}
	}
}

func TestChecksumPartialFirstChunk(t *testing.T) {
	sum, err := NewChecksum(hdfspb.ChecksumTypeProto_CHECKSUM_CRC32, 8)
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("abcdefghijklmnop")
	sums := make([]byte, 12)
	sum.Put(sums, data, 3)
	want := []uint32{crc32.ChecksumIEEE(data[:3]), crc32.ChecksumIEEE(data[3:11]), crc32.ChecksumIEEE(data[11:])}
	for i, w := range want {
		if got := uint32(sums[4*i])<<24 | uint32(sums[4*i+1])<<16 | uint32(sums[4*i+2])<<8 | uint32(sums[4*i+3]); got != w {
			t.Errorf("chunk %d: %x, want %x", i, got, w)
		}
	}
}
