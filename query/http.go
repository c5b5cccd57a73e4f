//go:build cgo && duckdb_arrow

package query

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxStatement bounds the text of a statement with its parameters.
const maxStatement = 4 << 20

// Handler is the HTTP side of the service:
//
//	POST /v1/query     a statement as text/plain, or {"sql","params"} as application/json; the answer in the format of Accept
//	POST /v1/refresh   look for new snapshots now; answers when they are visible
//	GET  /v1/tables    what can be queried
//	GET  /health       200 once the tables have been loaded
//	GET  /             a page to type SQL into
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/query", s.serveQuery)
	mux.HandleFunc("POST /v1/refresh", func(w http.ResponseWriter, r *http.Request) {
		changed, err := s.Refresh(r.Context())
		if err != nil {
			writeError(w, &Error{Code: CodeInternal, Message: err.Error()})
			return
		}
		writeJSON(w, map[string]bool{"changed": changed})
	})
	mux.HandleFunc("GET /v1/tables", s.serveTables)
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, map[string]string{"status": "ok"}) })
	mux.HandleFunc("GET /{$}", servePage)
	return mux
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client left; there is nobody to tell
}

func writeError(w http.ResponseWriter, e *Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.HTTPStatus())
	_ = json.NewEncoder(w).Encode(map[string]*Error{"error": e})
}

// readStatement takes the statement and its parameters out of a request.
func readStatement(w http.ResponseWriter, r *http.Request) (statement string, params []any, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxStatement))
	if err != nil {
		return "", nil, &Error{Code: CodeTooLarge, Message: fmt.Sprintf("the request cannot be read (a statement may have %d bytes): %v", maxStatement, err)}
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" {
		return string(body), nil, nil
	}
	var in struct {
		SQL    string `json:"sql"`
		Params []any  `json:"params"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&in); err != nil {
		return "", nil, &Error{Code: CodeSyntax, Message: `the body is not {"sql": "…", "params": […]}: ` + err.Error()}
	}
	for i, p := range in.Params {
		n, ok := p.(json.Number)
		if !ok {
			switch p.(type) {
			case map[string]any, []any:
				return "", nil, &Error{Code: CodeParameters, Message: fmt.Sprintf("parameter %d is neither text, number, boolean nor null", i+1)}
			}
			continue
		}
		if v, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
			in.Params[i] = v
		} else if v, err := n.Float64(); err == nil && strings.ContainsAny(n.String(), ".eE") {
			in.Params[i] = v
		} else {
			in.Params[i] = n.String() // too large for 64 bits: the engine casts the digits
		}
	}
	return in.SQL, in.Params, nil
}

// pickFormat chooses by the Accept header; what is not known falls back to NDJSON, as the contract's default.
func pickFormat(accept string) (int, *Error) {
	if accept == "" {
		return 0, nil
	}
	for _, part := range strings.Split(accept, ",") {
		media, _, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		if media == "*/*" || media == "application/*" || media == "application/json" || media == "application/jsonl" {
			return 0, nil
		}
		if media == "text/*" {
			return 1, nil
		}
		for i, f := range formats {
			if f.media == media {
				return i, nil
			}
		}
	}
	return 0, &Error{Code: CodeNotSupported, Message: "none of the formats in Accept is offered; offered are application/x-ndjson, text/csv, application/vnd.apache.arrow.stream, application/vnd.apache.parquet"}
}

func (s *Service) serveQuery(w http.ResponseWriter, r *http.Request) {
	format, bad := pickFormat(r.Header.Get("Accept"))
	if bad != nil {
		writeError(w, bad)
		return
	}
	statement, params, err := readStatement(w, r)
	if err != nil {
		writeError(w, AsError(r.Context(), err))
		return
	}
	started := time.Now()
	res, err := s.Query(r.Context(), statement, params)
	if err != nil {
		e := AsError(r.Context(), err)
		s.log.Debug("statement failed", "code", e.Code, "message", e.Message, "from", r.RemoteAddr)
		writeError(w, e)
		return
	}
	defer res.Close()
	w.Header().Set("Content-Type", formats[format].media)
	w.Header().Set("X-Lode-Elapsed", time.Since(started).Round(time.Microsecond).String())
	err = stream(w, res, format)
	if err != nil && !errors.Is(r.Context().Err(), context.Canceled) {
		s.log.Warn("result was cut off", "error", err, "from", r.RemoteAddr)
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the status has gone out as 200: only a broken connection tells the client that rows are missing
	}
}

func stream(w io.Writer, res *Result, format int) error {
	enc, err := formats[format].open(w, res.Schema())
	if err != nil {
		return err
	}
	for res.Next() {
		if err := enc.Write(res.RecordBatch()); err != nil {
			return err
		}
	}
	if err := res.Err(); err != nil {
		return err
	}
	return enc.Close()
}

func (s *Service) serveTables(w http.ResponseWriter, r *http.Request) {
	res, err := s.engine.run(r.Context(), `select table_schema as "schema", table_name as "name", "TABLE_COMMENT" as "comment" from information_schema.tables where table_catalog = 'lode' order by 1, 2`, nil)
	if err != nil {
		writeError(w, AsError(r.Context(), err))
		return
	}
	defer res.Close()
	w.Header().Set("Content-Type", formats[0].media)
	if err := stream(w, res, 0); err != nil {
		panic(http.ErrAbortHandler)
	}
}
