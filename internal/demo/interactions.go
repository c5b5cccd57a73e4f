package demo

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/lodehq/lode/client"
	"github.com/lodehq/lode/jobs/interactions/service"
)

// people are those whom the customer service knows; the last name of the story is one that it does not.
var people = [][2]string{
	{"Ada", "Lovelace"}, {"Blaise", "Pascal"}, {"Émilie", "du Châtelet"}, {"Sophie", "Germain"}, {"Évariste", "Galois"},
	{"Augustin", "Cauchy"}, {"Marie", "Curie"}, {"Henri", "Poincaré"}, {"René", "Descartes"}, {"Pierre", "de Fermat"},
}

const messages = 20_000

// interactions counts messages a customer; one in seven has no id and is resolved by name, at a service that fails now and then.
func (d *demo) interactions(ctx context.Context) (err error) {
	d.title("Customer interactions, missing ids resolved through a REST service")
	var known []service.Customer
	for i, p := range people {
		known = append(known, service.Customer{ID: int64(1000 + i), First: p[0], Last: p[1]})
	}
	srv, err := service.Start(service.New(known, service.Faults{Fail: 5}), "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() {
		if e := srv.Close(context.WithoutCancel(ctx)); err == nil {
			err = e
		}
	}()
	d.note("a customer service answers at %s, and fails every fifth time", srv.URL)
	var lines strings.Builder
	want := map[string]int64{}
	unknown := int64(0)
	for i := range messages {
		k := (i*7 + i/3) % len(people)
		id := strconv.Itoa(1000 + k)
		first, last := people[k][0], people[k][1]
		switch {
		case i%500 == 499: // nobody that the service knows
			id, first, last = "null", "Nobody", "Nowhere"
			unknown++
		case i%7 == 3:
			want[id]++
			id = "null"
		default:
			want[id]++
		}
		fmt.Fprintf(&lines, `{"idClient":%s,"nom":%q,"prénom":%q,"date":"1970-01-0%d","lieu":"Paris"}`+"\n", id, last, first, 1+k%9)
	}
	if err := d.client.WriteFile(ctx, "/data/interact/messages.jsonl", []byte(lines.String()), client.CreateOptions{Overwrite: true}); err != nil {
		return err
	}
	if _, err := d.lode(ctx, "job", "submit", "--wait", "interactions", "/data/interact", "/out/interactions", srv.URL); err != nil {
		return err
	}
	got := srv.Report()
	right := len(got.Totals) == len(want)
	for id, n := range want {
		right = right && got.Totals[id] == n
	}
	d.right(right, "%d customers have the right totals at the service, after %d calls of which %d failed", len(got.Totals), got.Calls, got.Faults)
	kept, err := d.client.Glob(ctx, "/out/interactions-unresolved/*")
	if err != nil {
		return err
	}
	sum := int64(0)
	for _, f := range kept {
		data, err := d.client.ReadFile(ctx, f.Path())
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			cols := strings.Split(strings.TrimRight(line, "\n"), "\t")
			if n, err := strconv.ParseInt(cols[len(cols)-1], 10, 64); err == nil {
				sum += n
			}
		}
	}
	d.right(sum == unknown, "%d interactions of somebody unknown are kept for later, none is lost", sum)
	return nil
}
