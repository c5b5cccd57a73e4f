//go:build cgo && duckdb_arrow

package query

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// SQLSTATEs that the service answers with.
const (
	CodeSyntax          = "42601"
	CodeUnknownTable    = "42P01"
	CodeUnknownColumn   = "42703"
	CodeUnknownFunction = "42883"
	CodeUnknownSchema   = "3F000"
	CodeAmbiguous       = "42702"
	CodeType            = "42804"
	CodeBadValue        = "22P02"
	CodeOutOfRange      = "22003"
	CodeParameters      = "08P01"
	CodeRefused         = "42501"
	CodeCancelled       = "57014"
	CodeNotSupported    = "0A000"
	CodeOutOfMemory     = "53200"
	CodeTooBusy         = "53300"
	CodeTooLarge        = "54000"
	CodeInternal        = "XX000"
)

// Error is an answer to a statement that cannot be run: an SQLSTATE and a sentence for a human.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message + " (" + e.Code + ")" }

// HTTPStatus is 403 for what is refused and 400 for what is wrong; what is our fault is 5xx.
func (e *Error) HTTPStatus() int {
	switch e.Code {
	case CodeRefused:
		return http.StatusForbidden
	case CodeTooBusy:
		return http.StatusServiceUnavailable
	case CodeInternal:
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

func refused(what string) *Error {
	return &Error{Code: CodeRefused, Message: what + " is refused: this service answers SELECT over the tables and nothing else"}
}

var (
	unknownTable    = regexp.MustCompile(`(?i)Table with name .* does not exist|View with name .* does not exist|Catalog ".*" does not exist`)
	unknownFunction = regexp.MustCompile(`(?i)Function with name .* does not exist|No function matches`)
	unknownColumn   = regexp.MustCompile(`(?i)Referenced column|does not have a column named|column .* not found|Referenced table .* not found|could not find column`)
)

// AsError says what an engine's error means to the client. ctx is the statement's.
func AsError(ctx context.Context, err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &Error{Code: CodeCancelled, Message: "the query was stopped: it ran longer than allowed"}
	}
	if errors.Is(err, context.Canceled) || errors.Is(ctx.Err(), context.Canceled) {
		return &Error{Code: CodeCancelled, Message: "the query was cancelled"}
	}
	var d *duckdb.Error
	if !errors.As(err, &d) {
		if strings.Contains(err.Error(), "parameter") {
			return &Error{Code: CodeParameters, Message: err.Error()}
		}
		return &Error{Code: CodeInternal, Message: err.Error()}
	}
	return &Error{Code: sqlState(d), Message: strings.TrimSpace(d.Msg)}
}

func sqlState(d *duckdb.Error) string {
	switch d.Type {
	case duckdb.ErrorTypeParser, duckdb.ErrorTypeSyntax:
		return CodeSyntax
	case duckdb.ErrorTypeCatalog, duckdb.ErrorTypeBinder:
		switch {
		case unknownFunction.MatchString(d.Msg):
			return CodeUnknownFunction
		case unknownTable.MatchString(d.Msg):
			return CodeUnknownTable
		case unknownColumn.MatchString(d.Msg):
			return CodeUnknownColumn
		case strings.Contains(d.Msg, "Schema with name"):
			return CodeUnknownTable // no schema, no table: what a client looks for is the table
		case strings.Contains(d.Msg, "Ambiguous"):
			return CodeAmbiguous
		case strings.Contains(d.Msg, "Cannot compare values of type"), strings.Contains(d.Msg, "explicit cast"):
			return CodeType
		case strings.Contains(d.Msg, "parameter"):
			return CodeParameters
		}
		return CodeSyntax
	case duckdb.ErrorTypeConversion, duckdb.ErrorTypeInvalidInput, duckdb.ErrorTypeMismatchType:
		if strings.Contains(d.Msg, "parameter") {
			return CodeParameters
		}
		return CodeBadValue
	case duckdb.ErrorTypeOutOfRange, duckdb.ErrorTypeDecimal:
		return CodeOutOfRange
	case duckdb.ErrorTypeInterrupt:
		return CodeCancelled
	case duckdb.ErrorTypePermission, duckdb.ErrorTypeMissingExtension, duckdb.ErrorTypeAutoLoad, duckdb.ErrorTypeHTTP:
		return CodeRefused
	case duckdb.ErrorTypeNotImplemented:
		return CodeNotSupported
	case duckdb.ErrorTypeOutOfMemory:
		return CodeOutOfMemory
	case duckdb.ErrorTypeParameterNotResolved, duckdb.ErrorTypeParameterNotAllowed:
		return CodeParameters
	}
	return CodeInternal
}
