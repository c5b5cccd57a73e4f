package webhdfs

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	"github.com/lodehq/lode/internal/hrpc"
	"github.com/lodehq/lode/internal/webrest"
)

// Prefix is where the API lives.
const Prefix = "/webhdfs/v1"

// Config of a Handler.
type Config struct {
	Protocol   hrpc.Handler // ClientProtocol of this namenode
	RPCAddress string       // HOST:PORT that a redirected datanode calls back
	Superuser  string       // the namenode's own user
	StaticUser string       // who a caller without user.name is: hadoop.http.staticuser.user
	Proxy      bool         // carry data through this port
	Data       http.Handler // serves the data operations here when Proxy or proxy=true; nil is redirects only
	// AllowUser says whether an address may speak as a user without proof; nil allows everybody.
	AllowUser func(from netip.Addr, user string) error
	Logger    *slog.Logger
	Rand      *rand.Rand // picks a datanode for a new file; nil is seeded by the runtime
}

// Handler serves the API.
type Handler struct {
	cfg      Config
	creating creating
	ops      map[string]map[string]operation // HTTP method to operation name
}

type operation func(*request) (any, error)

// request is one call with its parameters.
type request struct {
	h    *Handler
	ctx  context.Context
	http *http.Request
	path string
	op   string
	args url.Values
	call hrpc.Call
}

// redirect is an operation's answer that sends the caller on.
type redirect struct{ location string }

// empty is the answer of an operation without a result.
type empty struct{}

// New makes a Handler.
func New(cfg Config) *Handler {
	h := &Handler{cfg: cfg}
	h.ops = map[string]map[string]operation{
		http.MethodGet:    getOperations(),
		http.MethodPut:    putOperations(),
		http.MethodPost:   postOperations(),
		http.MethodDelete: deleteOperations(),
	}
	return h
}

var userPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9._-]*[$]?$`)

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, err := h.parse(r)
	if err == nil {
		var handled bool
		if handled, err = h.serve(w, req); handled {
			return
		}
	}
	webrest.WriteError(w, err)
}

func (h *Handler) parse(r *http.Request) (*request, error) {
	path, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), Prefix))
	if err != nil {
		return nil, hdfs.Errorf(hdfs.IllegalArgumentJava, "Invalid path: %v", err)
	}
	if path == "" {
		path = "/"
	}
	args := lowerKeys(r.URL.Query())
	req := &request{h: h, ctx: r.Context(), http: r, path: path, op: strings.ToUpper(args.Get("op")), args: args}
	user := args.Get("user.name")
	if user == "" {
		user = userOfCookie(r)
	}
	if user == "" {
		user = h.cfg.StaticUser
	} else if !userPattern.MatchString(user) {
		return nil, badParam("user.name", `Invalid value: "%s" does not belong to the domain %s`, user, userPattern)
	}
	from, port := remote(r)
	if h.cfg.AllowUser != nil {
		if err := h.cfg.AllowUser(from, user); err != nil {
			return nil, err
		}
	}
	req.call = hrpc.Call{Protocol: hrpc.ClientProtocol, User: user, RemoteIP: from, RemotePort: port, CallID: -1, RetryCount: -1}
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if here, err := netip.ParseAddrPort(a.String()); err == nil {
			req.call.LocalIP = here.Addr().Unmap()
		}
	}
	if doas := args.Get("doas"); doas != "" {
		req.call.User, req.call.RealUser = doas, user
	}
	return req, nil
}

// lowerKeys makes parameter names case-insensitive, as Apache's ParamFilter does.
func lowerKeys(v url.Values) url.Values {
	out := make(url.Values, len(v))
	for k, vs := range v {
		k = strings.ToLower(k)
		out[k] = append(out[k], vs...)
	}
	return out
}

func remote(r *http.Request) (netip.Addr, int) {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, 0
	}
	return ap.Addr().Unmap(), int(ap.Port())
}

func (h *Handler) serve(w http.ResponseWriter, req *request) (handled bool, err error) {
	ops, ok := h.ops[req.http.Method]
	if !ok {
		return false, hdfs.Errorf(hdfs.UnsupportedOperation, "%s is not supported", req.http.Method)
	}
	if req.op == "" {
		return false, hdfs.Errorf(hdfs.UnsupportedOperation, "op=NULL is not supported")
	}
	op, ok := ops[req.op]
	if !ok {
		return false, badParam("op", "%s is not a valid %s operation.", req.op, req.http.Method)
	}
	if h.cfg.Data != nil && isData(req.op) && (h.cfg.Proxy || req.args.Get("proxy") == "true") && req.args.Get("noredirect") != "true" {
		h.setCookie(w, req)
		h.cfg.Data.ServeHTTP(w, req.http)
		return true, nil
	}
	answer, err := op(req)
	if err != nil {
		return false, err
	}
	h.setCookie(w, req)
	w.Header().Set("Cache-Control", "no-cache")
	switch a := answer.(type) {
	case redirect:
		if noredirect, err := req.boolean("noredirect", false); err != nil {
			return false, err
		} else if noredirect {
			webrest.WriteJSON(w, http.StatusOK, map[string]string{"Location": a.location})
			return true, nil
		}
		w.Header().Set("Location", a.location)
		w.Header().Set("Content-Type", "application/octet-stream")
		w.WriteHeader(http.StatusTemporaryRedirect)
	case empty:
		w.Header().Set("Content-Type", "application/octet-stream")
		w.WriteHeader(http.StatusOK)
	default:
		webrest.WriteJSON(w, http.StatusOK, answer)
	}
	return true, nil
}

func isData(op string) bool {
	return op == "OPEN" || op == "CREATE" || op == "APPEND" || op == "GETFILECHECKSUM"
}

// call makes one ClientProtocol call as the caller of req.
func call[Resp proto.Message](req *request, method string, msg proto.Message) (Resp, error) {
	var none Resp
	body, err := proto.Marshal(msg)
	if err != nil {
		return none, err
	}
	c := req.call
	c.Method, c.Request = method, body
	answer, err := req.h.cfg.Protocol.ServeRPC(req.ctx, &c, body)
	if err != nil {
		return none, err
	}
	resp, ok := answer.(Resp)
	if !ok {
		return none, fmt.Errorf("%s answered a %T", method, answer)
	}
	return resp, nil
}

// localAddress is the HOST:PORT under which the caller reached this server, for answers that name us.
func localAddress(r *http.Request, fallback string) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil && host != "" {
		if _, port, err := net.SplitHostPort(fallback); err == nil {
			return net.JoinHostPort(host, port)
		}
	}
	return fallback
}
