// Package webdata serves the operations of WebHDFS that carry bytes: CREATE, APPEND, OPEN and GETFILECHECKSUM. A datanode serves
// them on its web port for callers that the namenode has redirected; a namenode serves them itself for callers that can reach
// only its port. It reads and writes through package client, as the user that the request names.
package webdata

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/internal/conf"
	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/webrest"
)

const prefix = "/webhdfs/v1"

// maxClients bounds the clients that are kept, one a user.
const maxClients = 64

// Config of a Handler.
type Config struct {
	Client     client.Options // of the cluster that is served; the user is the request's
	StaticUser string         // who a caller without user.name is
	AllowUser  func(from netip.Addr, user string) error
}

// Handler serves the operations. Close it when the server has stopped.
type Handler struct {
	cfg Config

	mu      sync.Mutex // guards clients; no I/O under it
	clients map[string]*entry
	order   []string
}

// entry is a user's client with the requests that use it: it is closed when it has been pushed out and nobody uses it.
type entry struct {
	c    *client.Client
	uses int
	gone bool
}

// New makes a Handler.
func New(cfg Config) *Handler {
	if cfg.Client.Conf == nil {
		cfg.Client.Conf = conf.New(nil)
	}
	cfg.Client.Conf = cfg.Client.Conf.With("fs.permissions.umask-mode", "000") // WebHDFS takes permissions as they are
	return &Handler{cfg: cfg, clients: map[string]*entry{}}
}

// Close closes the clients.
func (h *Handler) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, e := range h.clients {
		errs = append(errs, e.c.Close())
	}
	h.clients, h.order = map[string]*entry{}, nil
	return errors.Join(errs...)
}

func (h *Handler) acquire(user string) (*entry, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e, ok := h.clients[user]; ok {
		e.uses++
		return e, nil
	}
	o := h.cfg.Client
	o.User = user
	c, err := client.New(o)
	if err != nil {
		return nil, err
	}
	e := &entry{c: c, uses: 1}
	h.clients[user], h.order = e, append(h.order, user)
	if len(h.order) > maxClients {
		old := h.clients[h.order[0]]
		delete(h.clients, h.order[0])
		h.order = h.order[1:]
		if old.gone = true; old.uses == 0 {
			err = old.c.Close()
		}
	}
	return e, err
}

func (h *Handler) release(e *entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.uses--; e.gone && e.uses == 0 {
		e.c.Close() // it held nothing that could be lost: its writers were closed by their requests
	}
}

type request struct {
	http *http.Request
	w    http.ResponseWriter
	c    *client.Client
	path string
	op   string
	args url.Values
	fs   string
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Methods", "PUT, POST, GET")
		w.WriteHeader(http.StatusOK)
		return
	}
	if err := h.serve(w, r); err != nil {
		webrest.WriteError(w, err)
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	path, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), prefix))
	if err != nil || !strings.HasPrefix(path, "/") {
		return hdfs.Errorf(hdfs.IllegalArgumentJava, "Invalid path: %s", r.URL.EscapedPath())
	}
	args := url.Values{}
	for k, v := range r.URL.Query() {
		args[strings.ToLower(k)] = v
	}
	user := args.Get("user.name")
	if user == "" {
		user = h.cfg.StaticUser
	}
	if h.cfg.AllowUser != nil {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			return err
		}
		if err := h.cfg.AllowUser(from.Addr().Unmap(), user); err != nil {
			return err
		}
	}
	if doas := args.Get("doas"); doas != "" && doas != user {
		return hdfs.Errorf(hdfs.AccessControl, "User: %s is not allowed to impersonate %s here: proxy users are served by the namenode's RPC", user, doas)
	}
	e, err := h.acquire(user)
	if err != nil {
		return err
	}
	defer h.release(e)
	req := &request{http: r, w: w, c: e.c, path: path, op: strings.ToUpper(args.Get("op")), args: args, fs: "hdfs://" + h.cfg.Client.Addresses[0]}
	switch r.Method + " " + req.op {
	case "PUT CREATE":
		return req.create()
	case "POST APPEND":
		return req.append()
	case "GET OPEN":
		return req.open()
	case "GET GETFILECHECKSUM":
		return req.checksum()
	}
	return hdfs.Errorf(hdfs.IllegalArgumentJava, `Invalid value for webhdfs parameter "op": %s is not a valid %s operation.`, req.op, r.Method)
}

func (r *request) long(name string, def int64) (int64, error) {
	v := r.args.Get(name)
	if v == "" || v == "null" {
		return def, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, hdfs.Errorf(hdfs.IllegalArgumentJava, `Invalid value for webhdfs parameter "%s": Failed to parse "%s" as a radix-10 long integer.`, name, v)
	}
	return n, nil
}

func (r *request) mode(name string, def fs.FileMode) (fs.FileMode, error) {
	v := r.args.Get(name)
	if v == "" || v == "null" {
		return def, nil
	}
	mode, err := strconv.ParseUint(v, 8, 16)
	if err != nil {
		return 0, hdfs.Errorf(hdfs.IllegalArgumentJava, `Invalid value for webhdfs parameter "%s": Failed to parse "%s" as a radix-8 short integer.`, name, v)
	}
	return fs.FileMode(mode), nil
}

func (r *request) create() error {
	o := client.CreateOptions{CreateParent: r.args.Get("createparent") != "false", Overwrite: strings.EqualFold(r.args.Get("overwrite"), "true"), Permission: 0o644}
	var err error
	if o.Permission, err = r.mode("permission", 0o644); err != nil {
		return err
	}
	if o.Unmasked, err = r.mode("unmaskedpermission", 0); err != nil {
		return err
	}
	size, err := r.long("blocksize", 0)
	if err != nil {
		return err
	}
	replication, err := r.long("replication", 0)
	if err != nil {
		return err
	}
	o.BlockSize, o.Replication = size, int(replication)
	for _, flag := range strings.Split(strings.ToLower(r.args.Get("createflag")), ",") {
		switch flag {
		case "overwrite":
			o.Overwrite = true
		case "lazy_persist":
			o.LazyPersist = true
		case "no_local_write":
			o.NoLocalWrite = true
		case "should_replicate":
			o.Replicate = true
		}
	}
	// The file lives longer than this call's context allows for: a caller that vanishes ends the copy below, not the clean-up.
	w, err := r.c.Create(r.http.Context(), r.path, o)
	if err != nil {
		return err
	}
	if err := copyAndClose(w, r.http.Body); err != nil {
		return err
	}
	r.w.Header().Set("Location", r.fs+(&url.URL{Path: r.path}).EscapedPath())
	r.w.Header().Set("Content-Length", "0")
	r.w.WriteHeader(http.StatusCreated)
	return nil
}

func copyAndClose(w *client.Writer, body io.Reader) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, body, make([]byte, 256<<10))
	if err != nil {
		return errors.Join(fmt.Errorf("the upload broke off: %w", err), w.Close())
	}
	return w.Close()
}

func (r *request) append() error {
	w, err := r.c.Append(r.http.Context(), r.path, client.AppendOptions{})
	if err != nil {
		return err
	}
	if err := copyAndClose(w, r.http.Body); err != nil {
		return err
	}
	r.w.Header().Set("Content-Length", "0")
	r.w.WriteHeader(http.StatusOK)
	return nil
}

func (r *request) open() error {
	offset, err := r.long("offset", 0)
	if err != nil {
		return err
	}
	length, err := r.long("length", -1)
	if err != nil {
		return err
	}
	f, err := r.c.Open(r.http.Context(), r.path)
	if err != nil {
		return err
	}
	defer f.Close()
	size := f.Size()
	if offset < 0 || offset > size || (offset == size && size > 0) {
		return hdfs.Errorf(hdfs.IOException, "Offset=%d out of the range [0, %d); OPEN, path=%s", offset, size, r.path)
	}
	n := size - offset
	if length >= 0 {
		n = min(n, length)
	}
	r.w.Header().Set("Content-Type", "application/octet-stream")
	r.w.Header().Set("Access-Control-Allow-Origin", "*")
	r.w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	r.w.WriteHeader(http.StatusOK)
	if offset == 0 && n == size {
		_, err = f.WriteTo(r.w)
	} else {
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			panic(http.ErrAbortHandler)
		}
		_, err = io.CopyN(r.w, f, n)
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the status is out: a broken connection is the only way left to say that bytes are missing
	}
	return nil
}

func (r *request) checksum() error {
	sum, err := r.c.Checksum(r.http.Context(), r.path, 0)
	if err != nil {
		return err
	}
	// Apache writes out its whole 32-byte buffer (MD5MD5CRC32FileChecksum.getBytes), and clients compare that text.
	padded := append(bytes.Clone(sum.Bytes), make([]byte, max(0, 32-len(sum.Bytes)))...)
	webrest.WriteJSON(r.w, http.StatusOK, map[string]any{"FileChecksum": map[string]any{
		"algorithm": sum.Algorithm, "bytes": hex.EncodeToString(padded), "length": len(sum.Bytes),
	}})
	return nil
}
