//go:build cgo && duckdb_arrow

package flight

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql/schema_ref"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lodehq/lode/query"
)

// Server is a running Flight SQL endpoint.
type Server struct {
	flightsql.BaseServer
	service *query.Service
	grpc    *grpc.Server
	addr    net.Addr
	done    chan error

	mu       sync.Mutex // guards prepared
	prepared map[string]*prepared
}

type prepared struct {
	sql    string
	params []any
	at     time.Time
}

// maxPrepared bounds the statements that clients forgot to close; the oldest goes.
const maxPrepared = 10_000

// Start serves on addr; port 0 is any.
func Start(service *query.Service, addr string) (*Server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("Flight SQL endpoint: %w (another process may hold the port; port 0 takes any)", err)
	}
	s := &Server{service: service, grpc: grpc.NewServer(grpc.UnaryInterceptor(guardUnary(service.Trust())), grpc.StreamInterceptor(guardStream(service.Trust()))), addr: l.Addr(), done: make(chan error, 1), prepared: map[string]*prepared{}}
	s.Alloc = memory.DefaultAllocator
	for id, v := range map[flightsql.SqlInfo]any{
		flightsql.SqlInfoFlightSqlServerName: "Lode", flightsql.SqlInfoFlightSqlServerVersion: "1", flightsql.SqlInfoFlightSqlServerArrowVersion: arrow.PkgVersion, flightsql.SqlInfoFlightSqlServerReadOnly: true,
	} {
		if err := s.RegisterSqlInfo(id, v); err != nil {
			l.Close()
			return nil, err
		}
	}
	flight.RegisterFlightServiceServer(s.grpc, flightsql.NewFlightServer(s))
	go func() { s.done <- s.grpc.Serve(service.Guard(l)) }()
	return s, nil
}

// Addr is host:port.
func (s *Server) Addr() string { return s.addr.String() }

// Close stops the running queries and waits.
func (s *Server) Close() error {
	s.grpc.Stop()
	return <-s.done
}

// fail turns an error into gRPC's; the SQLSTATE stands in front of the message.
func fail(ctx context.Context, err error) error {
	e := query.AsError(ctx, err)
	code := codes.InvalidArgument
	switch e.Code {
	case query.CodeRefused:
		code = codes.PermissionDenied
	case query.CodeUnknownTable:
		code = codes.NotFound
	case query.CodeCancelled:
		code = codes.Canceled
	case query.CodeInternal:
		code = codes.Internal
	}
	return status.Error(code, "["+e.Code+"] "+e.Message)
}

func info(desc *flight.FlightDescriptor, ticket []byte, schema *arrow.Schema) *flight.FlightInfo {
	out := &flight.FlightInfo{Endpoint: []*flight.FlightEndpoint{{Ticket: &flight.Ticket{Ticket: ticket}}}, FlightDescriptor: desc, TotalRecords: -1, TotalBytes: -1}
	if schema != nil {
		out.Schema = flight.SerializeSchema(schema, memory.DefaultAllocator)
	}
	return out
}

// stream hands the rows of a statement over until the client leaves.
func (s *Server) stream(ctx context.Context, sql string, params []any) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return s.streamAs(ctx, nil, sql, params)
}

// streamAs is stream under another schema of the same types, if one is given: what clients expect of the catalogue to the letter.
func (s *Server) streamAs(ctx context.Context, schema *arrow.Schema, sql string, params []any) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	res, err := s.service.Query(ctx, sql, params)
	if err != nil {
		return nil, nil, fail(ctx, err)
	}
	if schema == nil {
		schema = res.Schema()
	}
	out := make(chan flight.StreamChunk)
	go func() { // ends with the rows, or with the client's context
		defer close(out)
		defer res.Close()
		send := func(c flight.StreamChunk) bool {
			select {
			case out <- c:
				return true
			case <-ctx.Done():
				return false
			}
		}
		for res.Next() {
			batch := array.NewRecordBatch(schema, res.RecordBatch().Columns(), res.RecordBatch().NumRows())
			if !send(flight.StreamChunk{Data: batch}) {
				batch.Release()
				return
			}
		}
		if err := res.Err(); err != nil {
			send(flight.StreamChunk{Err: fail(ctx, err)})
		}
	}()
	return schema, out, nil
}

func (s *Server) GetFlightInfoStatement(ctx context.Context, cmd flightsql.StatementQuery, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	if _, _, err := s.service.Describe(ctx, cmd.GetQuery()); err != nil {
		return nil, fail(ctx, err)
	}
	ticket, err := flightsql.CreateStatementQueryTicket([]byte(cmd.GetQuery()))
	if err != nil {
		return nil, err
	}
	return info(desc, ticket, nil), nil
}

func (s *Server) DoGetStatement(ctx context.Context, cmd flightsql.StatementQueryTicket) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return s.stream(ctx, string(cmd.GetStatementHandle()), nil)
}

func (s *Server) CreatePreparedStatement(ctx context.Context, req flightsql.ActionCreatePreparedStatementRequest) (flightsql.ActionCreatePreparedStatementResult, error) {
	if _, _, err := s.service.Describe(ctx, req.GetQuery()); err != nil {
		return flightsql.ActionCreatePreparedStatementResult{}, fail(ctx, err)
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	handle := hex.EncodeToString(random[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.prepared) >= maxPrepared {
		oldest := ""
		for h, p := range s.prepared {
			if oldest == "" || p.at.Before(s.prepared[oldest].at) {
				oldest = h
			}
		}
		delete(s.prepared, oldest)
	}
	s.prepared[handle] = &prepared{sql: req.GetQuery(), at: time.Now()}
	return flightsql.ActionCreatePreparedStatementResult{Handle: []byte(handle)}, nil
}

func (s *Server) ClosePreparedStatement(_ context.Context, req flightsql.ActionClosePreparedStatementRequest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.prepared, string(req.GetPreparedStatementHandle()))
	return nil
}

func (s *Server) find(handle []byte) (prepared, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.prepared[string(handle)]
	if p == nil {
		return prepared{}, status.Error(codes.NotFound, "the prepared statement is gone: prepare it again")
	}
	return *p, nil
}

func (s *Server) GetFlightInfoPreparedStatement(_ context.Context, cmd flightsql.PreparedStatementQuery, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	if _, err := s.find(cmd.GetPreparedStatementHandle()); err != nil {
		return nil, err
	}
	return info(desc, desc.Cmd, nil), nil
}

func (s *Server) DoGetPreparedStatement(ctx context.Context, cmd flightsql.PreparedStatementQuery) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	p, err := s.find(cmd.GetPreparedStatementHandle())
	if err != nil {
		return nil, nil, err
	}
	return s.stream(ctx, p.sql, p.params)
}

// DoPutPreparedStatementQuery takes the parameters: one row.
func (s *Server) DoPutPreparedStatementQuery(_ context.Context, cmd flightsql.PreparedStatementQuery, r flight.MessageReader, _ flight.MetadataWriter) ([]byte, error) {
	var params []any
	for r.Next() {
		batch := r.RecordBatch()
		if batch.NumRows() != 1 || params != nil {
			return nil, status.Error(codes.InvalidArgument, "parameters are one row")
		}
		params = []any{}
		for _, col := range batch.Columns() {
			params = append(params, valueOf(col))
		}
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.prepared[string(cmd.GetPreparedStatementHandle())]
	if p == nil {
		return nil, status.Error(codes.NotFound, "the prepared statement is gone: prepare it again")
	}
	p.params = params
	return cmd.GetPreparedStatementHandle(), nil
}

// valueOf takes the first value of a column.
func valueOf(a arrow.Array) any {
	if a.IsNull(0) {
		return nil
	}
	switch a := a.(type) {
	case *array.Int64:
		return a.Value(0)
	case *array.Int32:
		return int64(a.Value(0))
	case *array.Int16:
		return int64(a.Value(0))
	case *array.Float64:
		return a.Value(0)
	case *array.Boolean:
		return a.Value(0)
	case *array.String:
		return a.Value(0)
	case *array.Date32:
		return a.Value(0).ToTime()
	case *array.Timestamp:
		return a.Value(0).ToTime(a.DataType().(*arrow.TimestampType).Unit)
	}
	return a.ValueStr(0)
}

func (s *Server) GetFlightInfoCatalogs(_ context.Context, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return info(desc, desc.Cmd, schema_ref.Catalogs), nil
}

func (s *Server) DoGetCatalogs(ctx context.Context) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return s.streamAs(ctx, schema_ref.Catalogs, "select 'lode' as catalog_name", nil)
}

func (s *Server) GetFlightInfoSchemas(_ context.Context, _ flightsql.GetDBSchemas, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	return info(desc, desc.Cmd, schema_ref.DBSchemas), nil
}

func (s *Server) DoGetDBSchemas(ctx context.Context, cmd flightsql.GetDBSchemas) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return s.streamAs(ctx, schema_ref.DBSchemas, "select distinct 'lode' as catalog_name, table_schema as db_schema_name from information_schema.tables where table_catalog = 'lode' and table_schema not in ('pgc', 'main') and table_schema like ? order by 2", []any{pattern(cmd.GetDBSchemaFilterPattern())})
}

func (s *Server) GetFlightInfoTables(_ context.Context, cmd flightsql.GetTables, desc *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	if cmd.GetIncludeSchema() {
		return nil, status.Error(codes.Unimplemented, "table schemas are not listed: prepare a query of the table, or ask information_schema.columns")
	}
	return info(desc, desc.Cmd, schema_ref.Tables), nil
}

func (s *Server) DoGetTables(ctx context.Context, cmd flightsql.GetTables) (*arrow.Schema, <-chan flight.StreamChunk, error) {
	return s.streamAs(ctx, schema_ref.Tables, "select 'lode' as catalog_name, table_schema as db_schema_name, table_name, case table_type when 'VIEW' then 'VIEW' else 'TABLE' end as table_type from information_schema.tables where table_catalog = 'lode' and table_schema not in ('pgc', 'main') and table_schema like ? and table_name like ? order by 2, 3",
		[]any{pattern(cmd.GetDBSchemaFilterPattern()), pattern(cmd.GetTableNameFilterPattern())})
}

func pattern(p *string) string {
	if p == nil || *p == "" {
		return "%"
	}
	return *p
}
