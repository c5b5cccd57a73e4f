package journal

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// TestThreeVoters stops the leader of three twice and wants everything acknowledged on who leads then.
func TestThreeVoters(t *testing.T) {
	var peers []Peer
	for i := range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		peers = append(peers, Peer{fmt.Sprint(i), l.Addr().String()})
		l.Close()
	}
	type node struct {
		j *Journal
		m *list
	}
	leads := make(chan int, 16)
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	nodes := make([]*node, 3)
	boot := func(i int) {
		m := &list{}
		j, err := Open(Config{Dir: dirs[i], ID: peers[i].ID, Peers: peers, Bind: peers[i].Address, Machine: m, OnLeader: func(b bool) {
			if b {
				leads <- i
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		nodes[i] = &node{j, m}
	}
	for i := range 3 {
		boot(i)
	}
	t.Cleanup(func() {
		for _, n := range nodes {
			n.j.Close()
		}
	})
	leader := func() int {
		select {
		case i := <-leads:
			return i
		case <-time.After(30 * time.Second):
			t.Fatal("no leader within 30 s")
			return 0
		}
	}
	var want []string
	at := leader()
	for round := range 2 {
		for i := range 50 {
			s := fmt.Sprintf("%d-%d", round, i)
			if err := propose(nodes[at].j, s); err != nil {
				t.Fatal(err)
			}
			want = append(want, s)
		}
		follower := (at + 1) % 3
		if err := propose(nodes[follower].j, "astray"); err == nil {
			t.Error("a follower took a proposal")
		}
		if err := nodes[at].j.Close(); err != nil {
			t.Fatal(err)
		}
		old := at
		at = leader()
		if got := strings.Join(nodes[at].m.snapshot(), ","); got != strings.Join(want, ",") {
			t.Fatalf("after leader %d stopped, leader %d has %q", old, at, got)
		}
		boot(old)
	}
}
