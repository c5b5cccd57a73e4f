package transfer

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/datanode/blockstore"
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/vfs"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// benchBlock is what one iteration moves.
const benchBlock = 64 << 20

// BenchmarkRead reads a replica from the page cache over loopback; the client throws the bytes away. The physical limit beside it:
// BenchmarkLoopback moves as many bytes with no disk, no checksum and no protocol, BenchmarkVerify is the checksum alone.
func BenchmarkRead(b *testing.B) {
	for _, size := range []int{64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("packet=%dK", size>>10), func(b *testing.B) {
			n := newNode(b, vfs.OS(), b.TempDir(), func(c *Config) { c.ReadPacket = size })
			blk := hdfs.Block{ID: 1, GenStamp: 1001}
			writeWhole(b, []*node{n}, blk, pattern(benchBlock))
			op := appendOp(nil, opReadBlock, &pb.OpReadBlockProto{
				Header: &pb.ClientOperationHeaderProto{BaseHeader: header(ext(blk), nil), ClientName: proto.String("bench")},
				Offset: proto.Uint64(0), Len: proto.Uint64(benchBlock),
			})
			sink := make([]byte, 1<<20)
			b.SetBytes(benchBlock)
			defer cpu(b, benchBlock)()
			for b.Loop() {
				c, err := net.Dial("tcp", xferAddr(n.self))
				if err != nil {
					b.Fatal(err)
				}
				c.Write(op)
				for got := 0; got < benchBlock; {
					m, err := c.Read(sink)
					if err != nil {
						b.Fatal(err)
					}
					got += m
				}
				c.Close()
			}
		})
	}
}

// cpu reports the processor time of the whole process, client and servers together, for each GB moved: unlike the rate it means
// something on a busy machine.
func cpu(b *testing.B, bytes int64) func() {
	spent := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	began := spent()
	return func() {
		b.ReportMetric((spent()-began).Seconds()*1e9/float64(bytes*int64(b.N)), "cpu-s/GB")
	}
}

// BenchmarkRandomRead is the time of one read of 4 KiB on a connection of its own and on one that is kept.
func BenchmarkRandomRead(b *testing.B) {
	n := newNode(b, vfs.OS(), b.TempDir())
	blk := hdfs.Block{ID: 1, GenStamp: 1001}
	writeWhole(b, []*node{n}, blk, pattern(benchBlock))
	b.Run("new connection", func(b *testing.B) {
		for b.Loop() {
			if _, err := readBack(n, blk, 1<<20+5, 4096); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("kept connection", func(b *testing.B) {
		c, err := net.Dial("tcp", xferAddr(n.self))
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		for b.Loop() {
			if _, err := readOn(c, blk, 1<<20+5, 4096); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkWrite writes a replica through a pipeline of one and of three in one process.
func BenchmarkWrite(b *testing.B) {
	data := pattern(64512)
	sums := blockstore.DefaultChecksum.Sum(nil, data)
	for _, replicas := range []int{1, 3} {
		b.Run(fmt.Sprintf("replicas=%d", replicas), func(b *testing.B) {
			var ns []*node
			for range replicas {
				ns = append(ns, newNode(b, vfs.OS(), b.TempDir()))
			}
			b.SetBytes(benchBlock / 64512 * 64512)
			id := hdfs.BlockID(0)
			defer cpu(b, benchBlock)()
			for b.Loop() {
				id++
				p, _ := openPipeline(b, ns, hdfs.Block{ID: id, GenStamp: 1001}, create, 0, 0, 0)
				done := make(chan struct{})
				packets := int64(benchBlock / 64512)
				go func() {
					defer close(done)
					for i := range packets + 1 {
						p.ack(i)
					}
				}()
				for i := range packets {
					h := packetHeader{offset: i * 64512, seqno: i}
					h.dataLen = len(data)
					var head [packetPrefix]byte
					h.put(head[:], len(sums))
					bufs := net.Buffers{head[:], sums, data}
					if _, err := bufs.WriteTo(p.c); err != nil {
						b.Fatal(err)
					}
				}
				p.seqno = packets
				p.send(packets*64512, nil, true)
				<-done
				p.c.Close()
				b.StopTimer()
				for _, n := range ns {
					n.store.Invalidate(b.Context(), []hdfs.Block{{ID: id, GenStamp: 1001}})
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkLoopback is the bare limit of one connection: 256 KiB writes from memory.
func BenchmarkLoopback(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		buf := make([]byte, 256<<10)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			for range benchBlock / len(buf) {
				c.Write(buf)
			}
			c.Close()
		}
	}()
	b.SetBytes(benchBlock)
	defer cpu(b, benchBlock)()
	sink := make([]byte, 1<<20)
	for b.Loop() {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = c.Read(sink)
		}
		if err != io.EOF {
			b.Fatal(err)
		}
		c.Close()
	}
}

// BenchmarkVerify is the checksum of 512-byte chunks alone.
func BenchmarkVerify(b *testing.B) {
	data := pattern(256 << 10)
	sums := blockstore.DefaultChecksum.Sum(nil, data)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := blockstore.DefaultChecksum.Verify(data, sums); err != nil {
			b.Fatal(err)
		}
	}
}
