package sqlcli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Media types of the service by the names that people type.
var media = map[string]string{
	"csv": "text/csv", "json": "application/x-ndjson", "parquet": "application/vnd.apache.parquet", "arrow": "application/vnd.apache.arrow.stream", "table": "text/csv",
}

// ServerError is what the service answered instead of rows.
type ServerError struct {
	Code    string `json:"code"` // SQLSTATE
	Message string `json:"message"`
}

func (e *ServerError) Error() string { return e.Message + " (" + e.Code + ")" }

// Client asks one query service.
type Client struct {
	Server string // "http://127.0.0.1:8765"
	HTTP   *http.Client
	Token  string // the cluster's, for those who come from a network that is not trusted
}

// Query runs a statement and answers its rows in a format of csv, json, parquet and arrow. The caller closes them; a cut-off answer
// ends with an error, never with io.EOF.
func (c *Client) Query(ctx context.Context, statement, format string) (io.ReadCloser, error) {
	accept, ok := media[format]
	if !ok {
		return nil, fmt.Errorf("format %q: one of csv, json, parquet, arrow", format)
	}
	u, err := url.Parse(c.Server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("--server %s: want http://host:port", c.Server)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.Server, "/")+"/v1/query", strings.NewReader(statement))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	req.Header.Set("Accept", accept)
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("no query service at %s: %w (is it running? `lode standalone` and `lode query` start one, --server names another)", c.Server, rootCause(err))
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // what there is of it
	var answer struct{ Error *ServerError }
	if json.Unmarshal(data, &answer) == nil && answer.Error != nil {
		return nil, answer.Error
	}
	return nil, fmt.Errorf("%s answers %s: %s", c.Server, resp.Status, bytes.TrimSpace(data))
}

func rootCause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
