// Package service is a small real customer service for the demo and for tests: it knows customers by name, and keeps the totals that are posted to it.
//
//	POST /getcustomer {"firstname", "lastname"}           200 {"customerId", "firstname", "lastname"}; 404 when nobody bears the name
//	POST /data        {"customerId", "intercationNumber"} 200 {}; the number is the customer's total and replaces the last one
//	GET  /report                                          what was received: totals, calls, faults, totals that went down
//
// Bodies that are not exactly these fields get 400. intercationNumber is the contract's own spelling. Faults can be asked for, to try callers: they go by a counter.
package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Customer is somebody the service knows.
type Customer struct {
	ID    int64  `json:"customerId"`
	First string `json:"firstname"`
	Last  string `json:"lastname"`
}

// Faults says what goes wrong: every n-th call, 0 never.
type Faults struct {
	Fail int // answers 500 before doing anything
	Drop int // does its work and drops the connection
	Busy int // answers 503 with Retry-After: 1
}

// Report is what was received.
type Report struct {
	Totals   map[string]int64 `json:"totals"`
	Calls    int              `json:"calls"`
	Asked    int              `json:"asked"`
	Faults   int              `json:"faults"`
	Bad      int              `json:"bad_requests"`
	WentDown int              `json:"totals_that_went_down"`
}

// Service is an http.Handler.
type Service struct {
	byName map[[2]string]Customer
	faults Faults

	mu     sync.Mutex // guards the report; no I/O under it
	report Report
}

// New makes a service that knows the customers.
func New(customers []Customer, faults Faults) *Service {
	s := &Service{byName: map[[2]string]Customer{}, faults: faults, report: Report{Totals: map[string]int64{}}}
	for _, c := range customers {
		s.byName[[2]string{c.First, c.Last}] = c
	}
	return s
}

// Load reads customers from JSON: [{"customerId", "firstname", "lastname"}].
func Load(r io.Reader) ([]Customer, error) {
	var cs []Customer
	if err := json.NewDecoder(r).Decode(&cs); err != nil {
		return nil, fmt.Errorf("read customers: %w", err)
	}
	return cs, nil
}

// Report gives what was received so far.
func (s *Service) Report() Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.report
	r.Totals = map[string]int64{}
	for k, v := range s.report.Totals {
		r.Totals[k] = v
	}
	return r
}

func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.URL.Path == "/report" {
		answer(w, http.StatusOK, s.Report())
		return
	}
	if r.Method != http.MethodPost {
		answer(w, http.StatusNotFound, map[string]string{"error": "no such page"})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "the body is too large or was cut off"})
		return
	}
	s.mu.Lock()
	s.report.Calls++
	n := s.report.Calls
	hit := func(every int) bool { return every > 0 && n%every == 0 }
	fail, busy, drop := hit(s.faults.Fail), hit(s.faults.Busy), hit(s.faults.Drop)
	if fail || busy || drop {
		s.report.Faults++
	}
	s.mu.Unlock()
	switch {
	case fail:
		answer(w, http.StatusInternalServerError, map[string]string{"error": "made to fail"})
		return
	case busy:
		w.Header().Set("Retry-After", "1")
		answer(w, http.StatusServiceUnavailable, map[string]string{"error": "busy"})
		return
	}
	status, out := s.work(r.URL.Path, body)
	if drop {
		panic(http.ErrAbortHandler) // net/http's way to drop a connection without an answer
	}
	answer(w, status, out)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone when this fails
}

// work does what a call asks for.
func (s *Service) work(path string, body []byte) (int, any) {
	bad := func(want string) (int, any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.report.Bad++
		return http.StatusBadRequest, map[string]string{"error": "expected exactly " + want}
	}
	var raw map[string]json.RawMessage
	malformed := json.Unmarshal(body, &raw) != nil || len(raw) != 2
	switch path {
	case "/getcustomer":
		var first, last string
		if malformed || json.Unmarshal(raw["firstname"], &first) != nil || json.Unmarshal(raw["lastname"], &last) != nil {
			return bad(`{"firstname": text, "lastname": text}`)
		}
		s.mu.Lock()
		s.report.Asked++
		s.mu.Unlock()
		if c, ok := s.byName[[2]string{first, last}]; ok {
			return http.StatusOK, c
		}
		return http.StatusNotFound, map[string]string{"error": "nobody has that name"}
	case "/data":
		var id, total int64
		if malformed || json.Unmarshal(raw["customerId"], &id) != nil || json.Unmarshal(raw["intercationNumber"], &total) != nil {
			return bad(`{"customerId": number, "intercationNumber": number}`)
		}
		key := strconv.FormatInt(id, 10)
		s.mu.Lock()
		defer s.mu.Unlock()
		if total < s.report.Totals[key] {
			s.report.WentDown++
		}
		s.report.Totals[key] = total
		return http.StatusOK, struct{}{}
	}
	return http.StatusNotFound, map[string]string{"error": "no such page"}
}

// Server is a running service.
type Server struct {
	*Service
	URL  string
	http *http.Server
	done chan error
}

// Start serves on an address (port 0: any free one) until Close.
func Start(s *Service, address string) (*Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("customer service: %w", err)
	}
	srv := &Server{Service: s, URL: "http://" + l.Addr().String(), http: &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}, done: make(chan error, 1)}
	go func() { srv.done <- srv.http.Serve(l) }()
	return srv, nil
}

// Close stops serving and waits for what is under way.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if e := <-s.done; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}
