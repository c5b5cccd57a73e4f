package bench

import (
	"errors"
	"hash/crc32"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"
)

const mega = 1e6

// limits measures what the machine itself can do: the disk's buffered writing with a final sync, loopback TCP, CRC32C, and
// small appends each synced (what one durable operation costs at least).
func limits(dir string) ([]Result, error) {
	disk, err := diskWrite(dir, 1<<30)
	if err != nil {
		return nil, err
	}
	loop, err := loopback(2 << 30)
	if err != nil {
		return nil, err
	}
	syncs, err := syncRate(dir, 2000)
	if err != nil {
		return nil, err
	}
	return []Result{
		{Name: "disk write, 1 GiB and a sync", Value: disk, Unit: "MB/s"},
		{Name: "loopback TCP, one connection", Value: loop, Unit: "MB/s"},
		{Name: "CRC32C, one core", Value: crcRate(1 << 30), Unit: "MB/s"},
		{Name: "appends of 4 KiB, each synced", Value: syncs, Unit: "ops/s"},
	}, nil
}

func diskWrite(dir string, size int) (rate float64, err error) {
	f, err := os.Create(filepath.Join(dir, "limit"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	buf := make([]byte, 1<<20)
	began := time.Now()
	for n := 0; n < size; n += len(buf) {
		if _, err := f.Write(buf); err != nil {
			return 0, err
		}
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	return float64(size) / mega / time.Since(began).Seconds(), nil
}

func syncRate(dir string, n int) (rate float64, err error) {
	f, err := os.Create(filepath.Join(dir, "limit"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	buf := make([]byte, 4096)
	began := time.Now()
	for range n {
		if _, err := f.Write(buf); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

func loopback(size int64) (float64, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	sent := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			sent <- err
			return
		}
		buf := make([]byte, 1<<20)
		for n := int64(0); n < size && err == nil; n += int64(len(buf)) {
			_, err = c.Write(buf)
		}
		sent <- errors.Join(err, c.Close())
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	began := time.Now()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 1<<20))
	took := time.Since(began).Seconds()
	return float64(n) / mega / took, errors.Join(err, <-sent)
}

func crcRate(size int) float64 {
	buf, table := make([]byte, 1<<20), crc32.MakeTable(crc32.Castagnoli)
	began, sum := time.Now(), uint32(0)
	for n := 0; n < size; n += len(buf) {
		for i := 0; i < len(buf); i += 512 {
			sum ^= crc32.Checksum(buf[i:i+512], table)
		}
	}
	took := time.Since(began).Seconds()
	if sum == 1 {
		took++ // never so: keeps the loop from being removed
	}
	return float64(size) / mega / took
}
