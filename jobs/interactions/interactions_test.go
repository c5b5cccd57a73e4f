package interactions

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodehq/lode/jobs/interactions/service"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/mrtest"
	"github.com/lodehq/lode/table/datafile"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		`{"idClient": 17, "nom": "Vipe", "prenom": "Karami"}`:                   "17",
		`{"idClient": "17", "nom": "Vipe"}`:                                     "17",
		`{"idClient": null, "nom": "Vipe", "prénom": "Karami", "canal": "web"}`: "Karami Vipe",
		`{"idClient": "", "nom": "Vipe", "pr\u00e9nom": "Karami"}`:              "Karami Vipe",
		`{"nom": "Vipe", "prenom": "Karami"}`:                                   "Karami Vipe",
		`{"idClient": 1, "nom": `:                                               "no",
		`[1, 2]`:                                                                "no",
		`   `:                                                                   "no",
		`"interact"`:                                                            "no",
		`{"idClient": null}`:                                                    "no",
		`null`:                                                                  "no",
		`{"idClient":null,"nom":"Solo"}`:                                        "no",
		`{"idClient":1.5}`:                                                      "no",
		`{"idClient":[1]}`:                                                      "no",
		`<xml/>`:                                                                "no",
	} {
		m, err := Parse([]byte(line))
		got := m.First + " " + m.Last
		switch {
		case err != nil:
			got = "no"
			if !errors.Is(err, ErrMessage) {
				t.Errorf("%s: error of another kind: %v", line, err)
			}
		case m.HasID:
			got = strconv.FormatInt(m.ID, 10)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"idClient": 17, "nom": "Vipe", "prenom": "Karami"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if m, err := Parse(line); err == nil && !m.HasID && (m.First == "" || m.Last == "") {
			t.Fatal("a message without id and names is accepted")
		}
	})
}

func TestTotalsAreRightWhateverTheServiceDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var customers []service.Customer
	for i := range 40 {
		customers = append(customers, service.Customer{ID: int64(i + 1), First: fmt.Sprintf("First%d", i), Last: "Last é"})
	}
	want, unknown, rejected := map[string]int64{}, int64(0), int64(0)
	var lines strings.Builder
	for range 3000 {
		c := customers[r.IntN(len(customers))]
		id := strconv.FormatInt(c.ID, 10)
		switch r.IntN(10) {
		case 0:
			fmt.Fprintf(&lines, `{"idClient":null,"nom":"%s","prénom":"%s"}`+"\n", c.Last, c.First)
			want[id]++
		case 1:
			fmt.Fprintf(&lines, `{"nom":"%s","prenom":"%s"}`+"\n", c.Last, c.First)
			want[id]++
		case 2:
			fmt.Fprintf(&lines, `{"idClient":"","nom":"Nobody","prenom":"%d"}`+"\n", r.IntN(3))
			unknown++
		case 3:
			lines.WriteString(`{"idClient": 1, "nom": ` + "\n")
			rejected++
		default:
			fmt.Fprintf(&lines, `{"idClient":%s,"nom":"x","prenom":"y"}`+"\n", id)
			want[id]++
		}
	}
	svc := service.New(customers, service.Faults{Fail: 7, Drop: 11})
	server := httptest.NewServer(svc)
	defer server.Close()
	rows := &rowCount{seen: map[string]map[string]int64{}}
	job := build("/in", "/out", server.URL, func(t *datafile.Table, _ datafile.Mode, _ *datafile.Filter) mapreduce.OutputFormat { return rows.of(t) })
	res := mrtest.Run(t, job, map[string]string{"/in/messages.jsonl": lines.String()})
	got := svc.Report()
	if len(got.Totals) != len(want) {
		t.Errorf("%d customers told, want %d", len(got.Totals), len(want))
	}
	for id, n := range want {
		if got.Totals[id] != n {
			t.Errorf("customer %s: %d, want %d", id, got.Totals[id], n)
		}
	}
	for id, n := range want {
		if got := rows.seen["silver.interactions"][id]; got != n {
			t.Errorf("customer %s has %d rows, want %d", id, got, n)
		}
	}
	if n := rows.seen["silver.interactions"][""]; n != unknown {
		t.Errorf("%d rows without a customer, want %d", n, unknown)
	}
	if len(rows.events) != int(3000-rejected) {
		t.Errorf("%d different event ids, want %d", len(rows.events), 3000-rejected)
	}
	if n := len(rows.seen["gold.interaction_counts"]); n != len(want) {
		t.Errorf("%d rows of totals, want %d", n, len(want))
	}
	if got.Bad != 0 || got.WentDown != 0 || got.Faults == 0 || got.Asked > 3*43 {
		t.Errorf("service saw %+v", got)
	}
	if n := res.Counter("interactions", "unresolved"); n != unknown {
		t.Errorf("%d unresolved, want %d", n, unknown)
	}
	if n := strings.Count(res.Output("/out-rejected"), "\n"); int64(n) != rejected {
		t.Errorf("%d rejected lines kept, want %d", n, rejected)
	}
	if n := strings.Count(res.Output("/out-unresolved"), "\n"); n != 3 {
		t.Errorf("%d unresolved names kept, want 3", n)
	}
}

func TestBreakerMakesAllWait(t *testing.T) {
	svc := service.New(nil, service.Faults{Fail: 1})
	server := httptest.NewServer(svc)
	defer server.Close()
	clock := time.Unix(0, 0)
	var slept []time.Duration
	c := &Client{URL: server.URL, Attempts: 12, Trip: 5, OpenFor: 10 * time.Second, Now: func() time.Time { return clock },
		Sleep: func(_ context.Context, d time.Duration) error {
			slept = append(slept, d)
			clock = clock.Add(d)
			return nil
		}}
	err := c.Report(context.Background(), 1, 2, "k")
	if err == nil || !strings.Contains(err.Error(), "failed 12 times") {
		t.Fatalf("error %v", err)
	}
	long := 0
	for _, d := range slept {
		if d > 5*time.Second {
			long++
		}
	}
	if long != 2 {
		t.Errorf("%d waits for the breaker, want 2 (after 5 and 10 failures); slept %v", long, slept)
	}
}

// rowCount is the output of tables: it counts the rows of each customer.
type rowCount struct {
	mu     sync.Mutex
	seen   map[string]map[string]int64 // table, customer
	events map[string]bool
}

type countedTable struct {
	*rowCount
	name string
}

func (r *rowCount) of(t *datafile.Table) mapreduce.OutputFormat {
	r.seen[t.Name], r.events = map[string]int64{}, map[string]bool{}
	return &countedTable{r, t.Name}
}

func (*countedTable) Check(context.Context, mapreduce.OutputEnv) error            { return nil }
func (*countedTable) Commit(context.Context, mapreduce.OutputEnv, [][]byte) error { return nil }
func (*countedTable) Abort(context.Context, mapreduce.OutputEnv) error            { return nil }
func (t *countedTable) Open(context.Context, mapreduce.OutputEnv) (mapreduce.TaskOutput, error) {
	return &countedTask{t}, nil
}

type countedTask struct{ t *countedTable }

func (*countedTask) Write(_, _ []byte) error { return errors.New("rows are expected") }
func (*countedTask) Abort() error            { return nil }
func (*countedTask) Close() ([]byte, error)  { return nil, nil }
func (c *countedTask) WriteRow(row any) error {
	b := row.(*datafile.Batch)
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	who, event := b.Schema.Index("customer_id"), b.Schema.Index("event_id")
	for i := range b.Len() {
		c.t.seen[c.t.name][b.Columns[who].Text(i)]++
		if event >= 0 {
			c.t.events[b.Columns[event].Text(i)] = true
		}
	}
	return nil
}
