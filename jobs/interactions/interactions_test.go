package interactions

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodehq/lode/jobs/interactions/service"
	"github.com/lodehq/lode/mapreduce/mrtest"
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
	job := build("/in", "/out", server.URL, nil)
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
