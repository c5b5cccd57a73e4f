package hdfstest_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/client/hdfstest"
)

// A client of a network with rules gets addresses that only it can reach (here: 192.0.2.1, which only its dialer knows), writes
// through a pipeline, and reads back. The datanodes must find each other although the client names them by those addresses.
func TestMappedClient(t *testing.T) {
	here := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}
	if l, err := net.Listen("tcp", "127.0.0.2:0"); err != nil {
		t.Skip("this machine has no 127.0.0.2:", err)
	} else {
		l.Close()
	}
	c := hdfstest.New(t, hdfstest.Options{Datanodes: 3, Conf: map[string]string{"lode.namenode.client-addresses": "127.0.0.2 *=192.0.2.1"}})
	var mapped, real atomic.Int64
	mine, err := client.New(client.Options{Addresses: []string{c.Addr()}, User: "hdfs", Conf: c.Conf(), Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
		if rest, ok := strings.CutPrefix(address, "192.0.2.1:"); ok {
			mapped.Add(1)
			address = "127.0.0.1:" + rest
		} else if address != c.Addr() {
			real.Add(1)
		}
		return (&net.Dialer{LocalAddr: here}).DialContext(ctx, network, address)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	w, err := mine.Create(t.Context(), "/f", client.CreateOptions{Replication: 3, BlockSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), 3<<16)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := mine.ReadFile(t.Context(), "/f")
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d of %d bytes came back, %v", len(got), len(data), err)
	}
	if mapped.Load() == 0 || real.Load() > 0 {
		t.Errorf("%d connections to mapped addresses, %d to others", mapped.Load(), real.Load())
	}
	blocks, err := c.Client().Locations(t.Context(), "/f", 0, int64(len(data)))
	if err != nil || len(blocks) != 3 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	for _, b := range blocks {
		if len(b.Hosts) != 3 {
			t.Errorf("a block has %d replicas: %v", len(b.Hosts), b.Hosts)
		}
	}
}
