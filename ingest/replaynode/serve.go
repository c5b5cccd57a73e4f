package replaynode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Options of a node. Zero values are the defaults of the comments.
type Options struct {
	ChainID uint64 // 1
	// GethOnly leaves trace_block out, as geth does; traces then come from debug_traceBlockByNumber.
	GethOnly bool
	// MaxBatch refuses larger batches: 1000.
	MaxBatch int
}

type server struct {
	chain *Chain
	opts  Options
}

// New serves a chain over JSON-RPC by POST.
func New(chain *Chain, opts Options) http.Handler {
	if opts.ChainID == 0 {
		opts.ChainID = 1
	}
	if opts.MaxBatch == 0 {
		opts.MaxBatch = 1000
	}
	return &server{chain, opts}
}

// Server is a running node.
type Server struct {
	URL  string
	http *http.Server
	done chan error
}

// Start serves a chain on addr; port 0 takes any free port.
func Start(ctx context.Context, chain *Chain, addr string, opts Options) (*Server, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("replay node: %w", err)
	}
	s := &Server{URL: "http://" + l.Addr().String(), done: make(chan error, 1), http: &http.Server{Handler: New(chain, opts), ReadHeaderTimeout: 10 * time.Second}}
	go func() { s.done <- s.http.Serve(l) }()
	return s, nil
}

// Close stops the node and waits for it.
func (s *Server) Close() error {
	err := s.http.Close()
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

type request struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *rpcError       `json:"error,omitempty"`
}

const maxRequest = 5 << 20

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "JSON-RPC by POST, please", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.answer(bytes.TrimSpace(body))) // the client left
}

func (s *server) answer(body []byte) any {
	fail := func(code int, text string) response {
		return response{"2.0", json.RawMessage("null"), nil, &rpcError{code, text}}
	}
	if len(body) == 0 || body[0] != '[' {
		var q request
		if err := json.Unmarshal(body, &q); err != nil {
			return fail(-32700, "parse error: "+err.Error())
		}
		return s.one(q)
	}
	var batch []request
	if err := json.Unmarshal(body, &batch); err != nil {
		return fail(-32700, "parse error: "+err.Error())
	}
	if len(batch) > s.opts.MaxBatch {
		return fail(-32600, "batch too large")
	}
	out := make([]response, len(batch))
	for i, q := range batch {
		out[i] = s.one(q)
	}
	return out
}

func (s *server) one(q request) response {
	r := response{Version: "2.0", ID: q.ID}
	if r.ID == nil {
		r.ID = json.RawMessage("null")
	}
	result, e := s.call(q.Method, q.Params)
	if e != nil {
		r.Error = e
		return r
	}
	if r.Result = result; result == nil {
		r.Result = json.RawMessage("null")
	}
	return r
}

func text(format string, args ...any) json.RawMessage {
	return json.RawMessage(`"` + fmt.Sprintf(format, args...) + `"`)
}

func (s *server) call(method string, params []json.RawMessage) (json.RawMessage, *rpcError) {
	switch method {
	case "eth_chainId":
		return text("0x%x", s.opts.ChainID), nil
	case "net_version":
		return text("%d", s.opts.ChainID), nil
	case "web3_clientVersion":
		return text("lode-replay"), nil
	case "eth_syncing":
		return json.RawMessage("false"), nil
	case "eth_blockNumber":
		return text("0x%x", s.chain.head()), nil
	case "eth_getBlockByNumber", "eth_getBlockByHash", "eth_getBlockReceipts", "trace_block", "debug_traceBlockByNumber", "debug_traceBlockByHash":
		if method == "trace_block" && s.opts.GethOnly {
			break
		}
		b, e := s.block(params)
		if b == nil || e != nil {
			return nil, e
		}
		return s.part(method, b, params)
	}
	return nil, &rpcError{-32601, "the method " + method + " does not exist/is not available"}
}

func (s *server) part(method string, b *block, params []json.RawMessage) (json.RawMessage, *rpcError) {
	switch method {
	case "eth_getBlockReceipts":
		return b.receipts, nil
	case "trace_block":
		return b.traces, nil
	case "debug_traceBlockByNumber", "debug_traceBlockByHash":
		var opt struct {
			Tracer string `json:"tracer"`
		}
		if len(params) > 1 {
			_ = json.Unmarshal(params[1], &opt) // what cannot be read is not a tracer that we have
		}
		if opt.Tracer != "flatCallTracer" {
			return nil, &rpcError{-32000, "only the tracer flatCallTracer is replayed"}
		}
		return b.flatTraces, nil
	}
	if len(params) > 1 && string(params[1]) == "true" {
		return b.full, nil
	}
	return b.light, nil
}

// block finds the block of the first parameter: a number, a tag or a hash.
func (s *server) block(params []json.RawMessage) (*block, *rpcError) {
	var ref string
	if len(params) == 0 || json.Unmarshal(params[0], &ref) != nil {
		return nil, &rpcError{-32602, "missing value for required argument 0"}
	}
	var b *block
	var err error
	switch {
	case len(ref) == 66:
		b, err = s.chain.hash(ref)
	case ref == "latest" || ref == "pending" || ref == "safe" || ref == "finalized":
		b, err = s.chain.at(s.chain.head())
	case ref == "earliest":
		b, err = s.chain.at(s.chain.numbers[0])
	default:
		n, e := strconv.ParseUint(strings.TrimPrefix(ref, "0x"), 16, 64)
		if e != nil || !strings.HasPrefix(ref, "0x") {
			return nil, &rpcError{-32602, "invalid argument 0: " + ref}
		}
		b, err = s.chain.at(n)
	}
	if err != nil {
		return nil, &rpcError{-32000, err.Error()}
	}
	return b, nil
}
