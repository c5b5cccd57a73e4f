package cluster

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/internal/conf"
)

// stranger is an address of this machine that is not loopback: who connects to it comes from it, and is nobody whom a role trusts
// without being told.
func stranger(t *testing.T) string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	t.Skip("this machine has no address beyond loopback")
	return ""
}

// startStorage starts a namenode and a datanode that listen to everybody, and answers their ports.
func startStorage(t *testing.T, more map[string]string) (nn *Role, dn *Role) {
	t.Helper()
	c := conf.New(map[string]string{
		"lode.profile": "training", "dfs.replication": "1", "dfs.namenode.rpc-address": "0.0.0.0:0", "dfs.namenode.http-address": "0.0.0.0:0", "dfs.namenode.name.dir": t.TempDir(),
		"dfs.datanode.address": "0.0.0.0:0", "dfs.datanode.http.address": "0.0.0.0:0", "dfs.datanode.ipc.address": "0.0.0.0:0", "dfs.datanode.data.dir": t.TempDir(),
	})
	for k, v := range more {
		c.Set(k, v)
	}
	o := Options{Logger: slog.New(slog.DiscardHandler)}
	nn, err := StartNamenode(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nn.Close() })
	dn, err = StartDatanode(context.WithoutCancel(t.Context()), c.With("fs.defaultFS", "hdfs://127.0.0.1:"+port(nn.Ready.FS)), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dn.Close() })
	return nn, dn
}

func port(url string) string { return url[strings.LastIndexByte(url, ':')+1:] }

func TestStrangersAreRefused(t *testing.T) {
	me := stranger(t)
	nn, dn := startStorage(t, nil)
	for what, url := range map[string]string{"namenode's RPC": nn.Ready.FS, "datanode's data": dn.Ready.Datanodes[0], "datanode's web": dn.Ready.Datanodes[1], "datanode's IPC": dn.Ready.Datanodes[2]} {
		c, err := net.Dial("tcp", net.JoinHostPort(me, port(url)))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("the %s port spoke to a stranger", what)
		} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Errorf("the %s port waits for what a stranger says", what)
		}
		c.Close()
	}
	for url, want := range map[string]int{me: http.StatusUnauthorized, "127.0.0.1": http.StatusOK} {
		for _, page := range []string{"/", "/jmx", "/webhdfs/v1/?op=LISTSTATUS&user.name=root", "/prom"} {
			r, err := http.Get("http://" + net.JoinHostPort(url, port(nn.Ready.HTTP)) + page)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(r.Body)
			r.Body.Close()
			if r.StatusCode != want {
				t.Errorf("%s from %s: %s", page, url, r.Status)
			}
			if want == http.StatusUnauthorized && !strings.Contains(string(text), "lode.trusted.networks") {
				t.Errorf("%s does not say what to do: %s", page, text)
			}
		}
	}
}

func TestNamedNetworksAreServed(t *testing.T) {
	me := stranger(t)
	nn, dn := startStorage(t, map[string]string{"lode.trusted.networks": me})
	c, err := client.New(client.Options{Addresses: []string{net.JoinHostPort(me, port(nn.Ready.FS))}, Conf: conf.New(map[string]string{"dfs.replication": "1"})})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = dn
	if _, err := c.ReadDir(t.Context(), "/"); err != nil {
		t.Error(err)
	}
}

func TestTokenOpensWebPorts(t *testing.T) {
	me := stranger(t)
	nn, dn := startStorage(t, map[string]string{"lode.token": "s3cret"})
	for what, at := range map[string]string{"namenode": nn.Ready.HTTP, "datanode": dn.Ready.Datanodes[1]} {
		for token, want := range map[string]int{"": http.StatusUnauthorized, "wrong": http.StatusUnauthorized, "s3cret": http.StatusOK} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+net.JoinHostPort(me, port(at))+"/jmx", nil)
			if err != nil {
				t.Fatal(err)
			}
			if token != "" {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			r, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Errorf("%s with token %q: %v", what, token, err)
				continue
			}
			r.Body.Close()
			if r.StatusCode != want {
				t.Errorf("%s with token %q: %s", what, token, r.Status)
			}
		}
	}
}

// Roles that run programs or hold tables do not even start where everybody could come.
func TestRolesThatRefuseToStart(t *testing.T) {
	nn, _ := startStorage(t, nil)
	c := conf.New(map[string]string{"fs.defaultFS": "hdfs://127.0.0.1:" + port(nn.Ready.FS), "lode.worker.dir": t.TempDir(),
		"lode.scheduler.address": "127.0.0.1:0", "lode.scheduler.history-address": "127.0.0.1:0", "lode.scheduler.submission-address": "127.0.0.1:0"})
	o := Options{Logger: slog.New(slog.DiscardHandler)}
	refused := func(key string, start func(context.Context, *conf.Conf, Options) (*Role, error)) {
		t.Helper()
		r, err := start(t.Context(), c.With(key, "0.0.0.0:0"), o)
		if err == nil {
			r.Close()
			t.Errorf("%s beyond loopback was accepted without a word about who may come", key)
		} else if !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), "lode.trusted.networks") {
			t.Errorf("%s: %v", key, err)
		}
	}
	for _, key := range []string{"lode.scheduler.address", "lode.scheduler.history-address", "lode.scheduler.submission-address"} {
		refused(key, StartScheduler)
	}
	refused("lode.worker.shuffle-address", StartWorker)

	named := c.With("lode.trusted.networks", "10.0.0.0/8").With("lode.scheduler.address", "0.0.0.0:0").With("lode.scheduler.history-address", "0.0.0.0:0").With("lode.scheduler.submission-address", "0.0.0.0:0")
	s, err := StartScheduler(t.Context(), named, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	me := stranger(t)
	if strings.HasPrefix(me, "10.") {
		t.Skip("this machine is in the network that is trusted here")
	}
	for what, url := range map[string]string{"scheduler": s.Ready.Scheduler, "history": s.Ready.History, "submissions": s.Ready.Submissions} {
		r, err := http.Get("http://" + net.JoinHostPort(me, port(url)) + "/")
		if err != nil {
			continue // hung up
		}
		r.Body.Close()
		if r.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s from elsewhere: %s", what, r.Status)
		}
	}
}
