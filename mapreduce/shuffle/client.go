package shuffle

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Request asks one worker for segments of one reduce task.
type Request struct {
	Address  string // host:port
	Job      string
	Reduce   int
	Attempts []string
	Token    string
}

// Fetch calls each for every segment, in the order asked; each must read r to its end or return an error. missing lists the
// attempts the worker does not have.
func Fetch(ctx context.Context, client *http.Client, q Request, each func(i int, f Frame, r io.Reader) error) (missing []string, err error) {
	u := "http://" + q.Address + "/mapOutput?" + url.Values{"job": {q.Job}, "reduce": {strconv.Itoa(q.Reduce)}, "map": {strings.Join(q.Attempts, ",")}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+q.Token)
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch map output from %s: %w", q.Address, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return nil, fmt.Errorf("fetch map output from %s: %s: %s", q.Address, resp.Status, strings.TrimSpace(string(text)))
	}
	body := bufio.NewReaderSize(resp.Body, 128<<10)
	header := make([]byte, HeaderSize)
	for i, attempt := range q.Attempts {
		if _, err := io.ReadFull(body, header); err != nil {
			return missing, fmt.Errorf("fetch map output from %s: %w", q.Address, err)
		}
		f, err := ParseFrame(header)
		if err != nil {
			return missing, fmt.Errorf("fetch map output from %s: %w", q.Address, err)
		}
		if f.Status == StatusMissing {
			missing = append(missing, attempt)
			continue
		}
		limited := &io.LimitedReader{R: body, N: f.Length}
		if err := each(i, f, limited); err != nil {
			return missing, err
		}
		if limited.N != 0 {
			return missing, fmt.Errorf("fetch map output of %s from %s: %d bytes missing", attempt, q.Address, limited.N)
		}
	}
	return missing, nil
}
