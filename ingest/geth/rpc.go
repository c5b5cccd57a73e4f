package geth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// call is one JSON-RPC call and, after a round trip, its answer.
type call struct {
	method string
	params []any
	result json.RawMessage // nil: not answered in this round trip
	err    *rpcError       // what the node said instead
}

// rpcError is an error that the node answered.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *rpcError) Error() string { return fmt.Sprintf("node says %d: %s", e.Code, e.Message) }

// unsupported tells whether the node does not have a method at all.
func (e *rpcError) unsupported() bool {
	m := strings.ToLower(e.Message)
	return e.Code == -32601 || strings.Contains(m, "method not found") || strings.Contains(m, "does not exist/is not available") || strings.Contains(m, "unsupported method") || strings.Contains(m, "not whitelisted")
}

// errTooLarge says that fewer calls at once may work.
var errTooLarge = errors.New("the node refuses a batch of this size")

// errTransport is trouble on the way that the next attempt may not have.
type errTransport struct {
	err   error
	after time.Duration // the node's own wish
}

func (e *errTransport) Error() string { return e.err.Error() }
func (e *errTransport) Unwrap() error { return e.err }

// node is a client of one JSON-RPC endpoint.
type node struct {
	url    string
	http   *http.Client
	calls  atomic.Int64
	bytes  atomic.Int64
	nextID atomic.Uint64
}

// maxAnswer bounds one answer: a full block with traces is some 20 MB.
const maxAnswer = 1 << 30

// roundTrip sends calls as one batch. Answers are matched by id, in any order, repeated or not; a call without an answer keeps a nil result.
func (n *node) roundTrip(ctx context.Context, calls []*call) error {
	type request struct {
		Version string `json:"jsonrpc"`
		ID      uint64 `json:"id"`
		Method  string `json:"method"`
		Params  []any  `json:"params"`
	}
	byID := make(map[uint64]*call, len(calls))
	batch := make([]request, len(calls))
	for i, c := range calls {
		id := n.nextID.Add(1)
		byID[id] = c
		batch[i] = request{"2.0", id, c.method, c.params}
	}
	var body []byte
	var err error
	if len(batch) == 1 {
		body, err = json.Marshal(batch[0])
	} else {
		body, err = json.Marshal(batch)
	}
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("node address %s: %w", n.url, err)
	}
	req.Header.Set("Content-Type", "application/json")
	n.calls.Add(int64(len(calls)))
	resp, err := n.http.Do(req)
	if err != nil {
		return &errTransport{err: err}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	n.bytes.Add(int64(len(data)))
	if resp.StatusCode != http.StatusOK {
		return statusError(resp, data)
	}
	if err != nil {
		return &errTransport{err: fmt.Errorf("answer cut off: %w", err)}
	}
	return deliver(data, byID)
}

func statusError(resp *http.Response, data []byte) error {
	text := strings.TrimSpace(string(data[:min(len(data), 200)]))
	err := fmt.Errorf("node answers %s: %s", resp.Status, text)
	switch {
	case resp.StatusCode == http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: %w", errTooLarge, err)
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode >= 500, resp.StatusCode == http.StatusRequestTimeout:
		t := &errTransport{err: err}
		if s, e := strconv.Atoi(resp.Header.Get("Retry-After")); e == nil && s > 0 {
			t.after = min(time.Duration(s)*time.Second, time.Minute)
		}
		return t
	}
	return err // 401, 404 …: no patience helps
}

type response struct {
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *rpcError       `json:"error"`
}

// deliver hands the answers of a body to their calls.
func deliver(data []byte, byID map[uint64]*call) error {
	data = bytes.TrimSpace(data)
	var answers []response
	var err error
	if len(data) > 0 && data[0] == '[' {
		err = json.Unmarshal(data, &answers)
	} else {
		var one response
		err = json.Unmarshal(data, &one)
		answers = []response{one}
	}
	if err != nil {
		return &errTransport{err: fmt.Errorf("the answer is not whole JSON: %w", err)}
	}
	for _, a := range answers {
		id, err := strconv.ParseUint(strings.Trim(string(a.ID), `"`), 10, 64)
		c := byID[id]
		if err != nil || c == nil {
			if a.Error != nil && (len(a.ID) == 0 || string(a.ID) == "null") {
				return wholeError(a.Error)
			}
			continue // an answer to nobody
		}
		if a.Error != nil {
			c.err = a.Error
			continue
		}
		c.result, c.err = a.Result, nil
		if c.result == nil {
			c.result = json.RawMessage("null")
		}
	}
	return nil
}

// wholeError is an error about the request as a whole.
func wholeError(e *rpcError) error {
	m := strings.ToLower(e.Message)
	if strings.Contains(m, "batch") || strings.Contains(m, "too large") || strings.Contains(m, "response size") {
		return fmt.Errorf("%w: %w", errTooLarge, e)
	}
	return &errTransport{err: e}
}

// backoff is the wait before attempt n (from 1): doubling from 100 ms to 10 s, half of it random.
func backoff(n int) time.Duration {
	d := min(100*time.Millisecond<<min(n-1, 10), 10*time.Second)
	return d/2 + time.Duration(rand.Int64N(int64(d/2)+1))
}

// sleep waits, or ends with the context.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
