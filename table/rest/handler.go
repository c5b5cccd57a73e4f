package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"

	"github.com/apache/iceberg-go"
	icecat "github.com/apache/iceberg-go/catalog"
	icetable "github.com/apache/iceberg-go/table"

	"github.com/lodehq/lode/table"
)

// maxBody bounds a request. A commit of Spark names its snapshots, not its files.
const maxBody = 64 << 20

type server struct {
	c   *table.Catalog
	log *slog.Logger
}

// endpoints are what the configuration tells clients that we offer.
var endpoints = []string{
	"GET /v1/{prefix}/namespaces", "POST /v1/{prefix}/namespaces", "GET /v1/{prefix}/namespaces/{namespace}", "HEAD /v1/{prefix}/namespaces/{namespace}", "DELETE /v1/{prefix}/namespaces/{namespace}",
	"POST /v1/{prefix}/namespaces/{namespace}/properties", "GET /v1/{prefix}/namespaces/{namespace}/tables", "POST /v1/{prefix}/namespaces/{namespace}/tables",
	"GET /v1/{prefix}/namespaces/{namespace}/tables/{table}", "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}", "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}",
	"DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}", "POST /v1/{prefix}/tables/rename", "POST /v1/{prefix}/namespaces/{namespace}/register",
	"POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics",
}

// NewHandler serves a catalog. log may be nil.
func NewHandler(c *table.Catalog, log *slog.Logger) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &server{c: c, log: log}
	mux := http.NewServeMux()
	handle := func(pattern string, f func(http.ResponseWriter, *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := f(w, r); err != nil {
				s.fail(w, r, err)
			}
		})
	}
	handle("GET /v1/config", s.config)
	handle("GET /v1/namespaces", s.listNamespaces)
	handle("POST /v1/namespaces", s.createNamespace)
	handle("GET /v1/namespaces/{ns}", s.namespace) // HEAD too
	handle("DELETE /v1/namespaces/{ns}", s.dropNamespace)
	handle("POST /v1/namespaces/{ns}/properties", s.namespaceProperties)
	handle("GET /v1/namespaces/{ns}/tables", s.listTables)
	handle("POST /v1/namespaces/{ns}/tables", s.createTable)
	handle("POST /v1/namespaces/{ns}/register", s.register)
	handle("GET /v1/namespaces/{ns}/tables/{table}", s.loadTable)
	handle("HEAD /v1/namespaces/{ns}/tables/{table}", s.tableExists)
	handle("POST /v1/namespaces/{ns}/tables/{table}", s.commit)
	handle("DELETE /v1/namespaces/{ns}/tables/{table}", s.dropTable)
	handle("POST /v1/tables/rename", s.rename)
	handle("POST /v1/namespaces/{ns}/tables/{table}/metrics", func(w http.ResponseWriter, r *http.Request) error {
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
	handle("GET /v1/namespaces/{ns}/views", func(w http.ResponseWriter, r *http.Request) error {
		return answer(w, map[string]any{"identifiers": []any{}})
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) { _ = answer(w, map[string]string{"status": "ok"}) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, &httpError{http.StatusNotFound, "NotFoundException", "this catalog does not offer " + r.Method + " " + r.URL.Path})
	})
	return mux
}

func answer(w http.ResponseWriter, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data) // the client left
	return nil
}

// httpError is an answer of the protocol.
type httpError struct {
	status        int
	kind, message string
}

func (e *httpError) Error() string { return e.message }

func badRequest(format string, args ...any) error {
	return &httpError{http.StatusBadRequest, "BadRequestException", fmt.Sprintf(format, args...)}
}

// kinds maps what the catalog says to the protocol's words; the first that fits counts.
var kinds = []struct {
	err    error
	status int
	kind   string
}{
	{icecat.ErrNoSuchTable, http.StatusNotFound, "NoSuchTableException"},
	{icecat.ErrNoSuchNamespace, http.StatusNotFound, "NoSuchNamespaceException"},
	{icecat.ErrTableAlreadyExists, http.StatusConflict, "AlreadyExistsException"},
	{icecat.ErrNamespaceAlreadyExists, http.StatusConflict, "AlreadyExistsException"},
	{icecat.ErrNamespaceNotEmpty, http.StatusConflict, "NamespaceNotEmptyException"},
	{icetable.ErrCommitFailed, http.StatusConflict, "CommitFailedException"},
	{icetable.ErrCommitDiverged, http.StatusConflict, "CommitFailedException"},
	{icecat.ErrInvalidIdentifier, http.StatusBadRequest, "BadRequestException"},
	{icetable.ErrInvalidRequirement, http.StatusBadRequest, "BadRequestException"},
	{iceberg.ErrInvalidArgument, http.StatusBadRequest, "BadRequestException"},
	{iceberg.ErrInvalidSchema, http.StatusBadRequest, "BadRequestException"},
	{icetable.ErrInvalidMetadata, http.StatusBadRequest, "BadRequestException"},
	{fs.ErrPermission, http.StatusForbidden, "ForbiddenException"},
}

func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := &httpError{http.StatusInternalServerError, "InternalServerError", err.Error()}
	if !errors.As(err, &e) {
		for _, k := range kinds {
			if errors.Is(err, k.err) {
				e = &httpError{k.status, k.kind, err.Error()}
				break
			}
		}
	}
	if e.status >= 500 {
		s.log.Error("catalog request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		if r.Method == http.MethodPost && r.PathValue("table") != "" {
			// The commit may have happened: clients must look before they try again.
			e.kind = "CommitStateUnknownException"
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	if r.Method != http.MethodHead {
		_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": e.message, "type": e.kind, "code": e.status}})
	}
}

func read(w http.ResponseWriter, r *http.Request, v any) error {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return badRequest("the request cannot be read: %v", err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return badRequest("the request is not what the protocol says: %v", err)
	}
	return nil
}

func namespaceOf(r *http.Request) (string, error) {
	return single(strings.Split(r.PathValue("ns"), "\x1f"))
}

// single refuses nested namespaces, which this catalog does not have.
func single(parts []string) (string, error) {
	if len(parts) != 1 {
		return "", &httpError{http.StatusNotFound, "NoSuchNamespaceException", fmt.Sprintf("namespace %s: namespaces are not nested here", strings.Join(parts, "."))}
	}
	return parts[0], nil
}

// identOf names a table. What looks like a table in a nested namespace is no table: Spark asks so for the metadata tables (gold.t.snapshots) and goes on by itself.
func identOf(r *http.Request) (icetable.Identifier, error) {
	ns, err := namespaceOf(r)
	if err != nil {
		return nil, &httpError{http.StatusNotFound, "NoSuchTableException", "table does not exist: " + strings.ReplaceAll(r.PathValue("ns"), "\x1f", ".") + "." + r.PathValue("table")}
	}
	return icetable.Identifier{ns, r.PathValue("table")}, nil
}

func (s *server) config(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, map[string]any{"defaults": map[string]string{}, "overrides": map[string]string{}, "endpoints": endpoints})
}

func (s *server) listNamespaces(w http.ResponseWriter, r *http.Request) error {
	out := [][]string{}
	if parent := r.URL.Query().Get("parent"); parent != "" {
		if _, err := s.c.NamespaceProperties(r.Context(), parent); err != nil {
			return err
		}
		return answer(w, map[string]any{"namespaces": out})
	}
	names, err := s.c.Namespaces(r.Context())
	if err != nil {
		return err
	}
	for _, n := range names {
		out = append(out, []string{n})
	}
	return answer(w, map[string]any{"namespaces": out})
}

func (s *server) createNamespace(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Namespace  []string           `json:"namespace"`
		Properties iceberg.Properties `json:"properties"`
	}
	if err := read(w, r, &in); err != nil {
		return err
	}
	if len(in.Namespace) != 1 {
		return badRequest("namespace %s: namespaces are not nested here", strings.Join(in.Namespace, "."))
	}
	if err := s.c.CreateNamespace(r.Context(), in.Namespace[0], in.Properties); err != nil {
		return err
	}
	if in.Properties == nil {
		in.Properties = iceberg.Properties{}
	}
	return answer(w, map[string]any{"namespace": in.Namespace, "properties": in.Properties})
}

func (s *server) namespace(w http.ResponseWriter, r *http.Request) error {
	ns, err := namespaceOf(r)
	if err != nil {
		return err
	}
	props, err := s.c.NamespaceProperties(r.Context(), ns)
	if err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return answer(w, map[string]any{"namespace": []string{ns}, "properties": props})
}

func (s *server) dropNamespace(w http.ResponseWriter, r *http.Request) error {
	ns, err := namespaceOf(r)
	if err != nil {
		return err
	}
	if err := s.c.DropNamespace(r.Context(), ns); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) namespaceProperties(w http.ResponseWriter, r *http.Request) error {
	ns, err := namespaceOf(r)
	if err != nil {
		return err
	}
	var in struct {
		Removals []string           `json:"removals"`
		Updates  iceberg.Properties `json:"updates"`
	}
	if err := read(w, r, &in); err != nil {
		return err
	}
	props, err := s.c.NamespaceProperties(r.Context(), ns)
	if err != nil {
		return err
	}
	updated, removed, missing := []string{}, []string{}, []string{}
	for _, k := range in.Removals {
		if _, both := in.Updates[k]; both {
			return &httpError{http.StatusUnprocessableEntity, "UnprocessableEntityException", "property " + k + " is both updated and removed"}
		}
		if _, ok := props[k]; ok {
			removed = append(removed, k)
		} else {
			missing = append(missing, k)
		}
		delete(props, k)
	}
	for k, v := range in.Updates {
		props[k] = v
		updated = append(updated, k)
	}
	if err := s.c.SetNamespaceProperties(r.Context(), ns, props); err != nil {
		return err
	}
	return answer(w, map[string]any{"updated": updated, "removed": removed, "missing": missing})
}

func (s *server) listTables(w http.ResponseWriter, r *http.Request) error {
	ns, err := namespaceOf(r)
	if err != nil {
		return err
	}
	names, err := s.c.Tables(r.Context(), ns)
	if err != nil {
		return err
	}
	type identifier struct {
		Namespace []string `json:"namespace"`
		Name      string   `json:"name"`
	}
	out := []identifier{}
	for _, n := range names {
		out = append(out, identifier{[]string{ns}, n})
	}
	return answer(w, map[string]any{"identifiers": out})
}
