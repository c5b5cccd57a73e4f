package interactions

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
	"sync"
	"time"
)

// Client calls the customer service. It is safe for concurrent use. The zero value of the limits means the defaults.
type Client struct {
	URL   string
	HTTP  *http.Client
	Sleep func(ctx context.Context, d time.Duration) error // pauses; nil: real time
	Now   func() time.Time                                 // nil: real time

	Attempts  int           // of one call; default 30
	FirstWait time.Duration // pause after the first failure, doubled after each, up to MaxWait; default 50 ms
	MaxWait   time.Duration // default 2 s
	Trip      int           // failures in a row after which all calls wait; default 8
	OpenFor   time.Duration // how long; default 1 s

	mu       sync.Mutex // guards the two below; no I/O under it
	failures int
	openTill time.Time
}

// ErrUnknown says that nobody bears a name.
var ErrUnknown = errors.New("the customer service knows nobody of that name")

// ErrRefused says that the service will not take a request, however often it is sent.
var ErrRefused = errors.New("the customer service refused the request")

// Resolve asks who bears a name.
func (c *Client) Resolve(ctx context.Context, first, last string) (int64, error) {
	body, err := json.Marshal(map[string]string{"firstname": first, "lastname": last})
	if err != nil {
		return 0, fmt.Errorf("resolve %s %s: %w", first, last, err)
	}
	answer, status, err := c.post(ctx, "/getcustomer", body, "")
	if err != nil {
		return 0, fmt.Errorf("resolve %s %s: %w", first, last, err)
	}
	if status == http.StatusNotFound {
		return 0, ErrUnknown
	}
	var who struct {
		CustomerID json.RawMessage `json:"customerId"`
	}
	if err := json.Unmarshal(answer, &who); err != nil {
		return 0, fmt.Errorf("resolve %s %s: answer %.80q: %w", first, last, answer, err)
	}
	text := strings.Trim(string(who.CustomerID), `"`)
	if text == "" || text == "null" {
		return 0, ErrUnknown
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("resolve %s %s: customerId %.40q is no number", first, last, text)
	}
	return id, nil
}

// Report posts a customer's total. key makes a repeated call recognisable.
func (c *Client) Report(ctx context.Context, id, total int64, key string) error {
	body := fmt.Appendf(nil, `{"customerId":%d,"intercationNumber":%d}`, id, total)
	_, status, err := c.post(ctx, "/data", body, key)
	if err == nil && status == http.StatusNotFound {
		err = fmt.Errorf("%w: there is no /data at %s", ErrRefused, c.URL)
	}
	if err != nil {
		return fmt.Errorf("report %d interactions of customer %d: %w", total, id, err)
	}
	return nil
}

// post sends a request until it is answered: 2xx and 404 are answers, other 4xx (but 408 and 429) a refusal, all else is tried again.
func (c *Client) post(ctx context.Context, path string, body []byte, key string) ([]byte, int, error) {
	attempts := or(c.Attempts, 30)
	wait := or(c.FirstWait, 50*time.Millisecond)
	var last error
	for n := range attempts {
		if err := c.gate(ctx); err != nil {
			return nil, 0, err
		}
		answer, status, after, err := c.once(ctx, path, body, key)
		switch {
		case err == nil && (status/100 == 2 || status == http.StatusNotFound):
			c.result(true)
			return answer, status, nil
		case err == nil && status/100 == 4 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests:
			c.result(true)
			return nil, status, fmt.Errorf("%w: %d %.120q", ErrRefused, status, answer)
		case err == nil:
			last = fmt.Errorf("%d %.120q", status, answer)
		default:
			last = err
		}
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		c.result(false)
		if n == attempts-1 {
			break
		}
		pause := wait/2 + rand.N(wait/2+1)
		if err := c.sleep(ctx, max(pause, after)); err != nil {
			return nil, 0, err
		}
		wait = min(2*wait, or(c.MaxWait, 2*time.Second))
	}
	return nil, 0, fmt.Errorf("%s%s failed %d times, last: %w", c.URL, path, attempts, last)
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

func (c *Client) once(ctx context.Context, path string, body []byte, key string) (answer []byte, status int, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, 0, 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, 0, 0, err
	}
	defer resp.Body.Close()
	if s, e := strconv.Atoi(resp.Header.Get("Retry-After")); e == nil && s > 0 && s < 60 {
		after = time.Duration(s) * time.Second
	}
	answer, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return answer, resp.StatusCode, after, err
}

// gate holds a call back while the breaker is open.
func (c *Client) gate(ctx context.Context) error {
	c.mu.Lock()
	till := c.openTill
	c.mu.Unlock()
	if d := till.Sub(c.now()); d > 0 {
		return c.sleep(ctx, d)
	}
	return ctx.Err()
}

func (c *Client) result(good bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if good {
		c.failures = 0
		return
	}
	if c.failures++; c.failures >= or(c.Trip, 8) {
		c.failures = 0
		c.openTill = c.now().Add(or(c.OpenFor, time.Second))
	}
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
