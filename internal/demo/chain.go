package demo

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"

	"github.com/lodehq/lode/ingest/replaynode"
)

// chain fetches the blocks from a node, decodes them and compares every sale.
func (d *demo) chain(ctx context.Context) (err error) {
	d.title("From an Ethereum node to gold tables")
	blocks, err := replaynode.Load(os.DirFS(d.o.Blocks))
	if err != nil {
		return err
	}
	node, err := replaynode.Start(ctx, blocks, "127.0.0.1:0", replaynode.Options{})
	if err != nil {
		return err
	}
	defer func() {
		if e := node.Close(); err == nil {
			err = e
		}
	}()
	numbers := blocks.Numbers()
	d.note("a node that replays %d recorded mainnet blocks answers at %s", len(numbers), node.URL)
	if _, err := d.lode(ctx, "ingest", "geth", "--rpc", node.URL, "--blocks", blocks.List(), "--traces", "--once"); err != nil {
		return err
	}
	out, err := d.lode(ctx, "dfs", "-du", "-s", "-h", "/data/chain/ethereum/raw")
	if err != nil {
		return err
	}
	fmt.Fprint(d.o.Out, indent(out))
	broken := make(chan error, 1)
	go func() {
		if d.o.Kill == nil {
			broken <- nil
			return
		}
		broken <- d.o.Kill(ctx)
	}()
	_, err = d.lode(ctx, "job", "submit", "--wait", "nft-gold")
	if err := errors.Join(err, <-broken); err != nil {
		return err
	}
	return d.checkSales(ctx)
}

// compared are the columns of a sale that must agree, of those in the expected file.
var compared = []string{"block_number", "tx_hash", "log_index", "project", "version", "nft", "seller", "buyer", "price_raw", "currency_contract"}

// checkSales compares silver.nft_sales with the file of expected sales, row by row.
func (d *demo) checkSales(ctx context.Context) error {
	file := d.o.Sales
	if file == "" {
		var err error
		if file, err = find("oracle_sales.csv", "jobs/nft/testdata/oracle_sales.csv"); err != nil {
			d.skipped = append(d.skipped, "comparing the sales: "+err.Error())
			return nil
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	want, err := sales(strings.NewReader(string(data)))
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	out, err := d.lode(ctx, "sql", "--format", "csv", "select "+strings.Join(compared, ", ")+" from silver.nft_sales")
	if err != nil {
		return err
	}
	got, err := sales(strings.NewReader(out))
	if err != nil {
		return err
	}
	projects, unchecked := map[string]bool{}, 0
	for k, w := range want {
		projects[w.project] = true
		if w.check == "unchecked" || strings.HasSuffix(w.check, ":excluded") { // not confirmed, or no sale (price 0, the mirror of a matched pair)
			unchecked++
			delete(want, k)
			delete(got, k)
		}
	}
	missing, wrong, extra := 0, 0, 0
	first := ""
	note := func(text string) {
		if first == "" {
			first = text
		}
	}
	for k, w := range want {
		switch g, ok := got[k]; {
		case !ok:
			missing++
			note("missing " + k)
		case !w.agrees(g):
			wrong++
			note(fmt.Sprintf("%s is %s, expected %s", k, g.values, w.values))
		}
	}
	for k, g := range got {
		if _, ok := want[k]; !ok && projects[g.project] {
			extra++
			note("not expected: " + k)
		}
	}
	d.right(missing+wrong+extra == 0, "%d of %d sales agree with the independently checked ones to the wei (%d missing, %d different, %d extra; %d events that are no sales or that nobody could check are left out) %s",
		len(want)-missing-wrong, len(want), missing, wrong, extra, unchecked, first)
	return nil
}

// native is ether as a currency; some events write the alias instead.
const (
	native      = "0x0000000000000000000000000000000000000000"
	nativeAlias = "0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
)

type sale struct {
	project, check string
	values         []string // of the compared columns behind the key
}

// agrees compares what the expected file says; it leaves some cells empty.
func (w sale) agrees(g sale) bool {
	for i, v := range w.values {
		if v != "" && v != g.values[i] {
			return false
		}
	}
	return true
}

// sales reads a CSV of sales: block, transaction and log name a sale, the other compared columns are its text.
func sales(r io.Reader) (map[string]sale, error) {
	rows := csv.NewReader(r)
	head, err := rows.Read()
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, h := range head {
		at[h] = i
	}
	for _, c := range compared {
		if _, ok := at[c]; !ok {
			return nil, fmt.Errorf("no column %s", c)
		}
	}
	m := map[string]sale{}
	for {
		row, err := rows.Read()
		if err == io.EOF {
			return m, nil
		}
		if err != nil {
			return nil, err
		}
		values := make([]string, len(compared))
		for i, c := range compared {
			values[i] = row[at[c]]
			if values[i] == nativeAlias {
				values[i] = native
			}
		}
		one := sale{project: values[3], values: values[3:]}
		if i, ok := at["flow_check"]; ok {
			one.check = row[i]
		}
		m[strings.Join(values[:3], " ")] = one
	}
}

// answers asks what an analyst would.
func (d *demo) answers(ctx context.Context) error {
	d.title("Answers by SQL")
	for _, q := range []string{
		"select project, sum(sales) as sales, sum(items) as items, round(sum(volume_eth), 4) as volume_eth from gold.market_kpi_daily group by project order by volume_eth desc",
		"select contract_address, sum(sales) as sales, round(sum(volume_eth), 4) as volume_eth from gold.collection_kpi_daily group by 1 order by volume_eth desc limit 5",
		"select block_time, project, nft_contract_address, token_id, price_eth, buyer from silver.nft_trades where price_check <> 'mirror' order by price_eth desc nulls last limit 5",
		"select customer_id, interactions from gold.interaction_counts order by interactions desc, customer_id limit 5",
	} {
		out, err := d.lode(ctx, "sql", "--format", "table", q)
		if err != nil {
			return err
		}
		fmt.Fprint(d.o.Out, indent(out))
	}
	return d.checkVolume(ctx)
}

// checkVolume adds up the gold volume in wei and compares it with the silver sales it is made of.
func (d *demo) checkVolume(ctx context.Context) error {
	sum := func(query string) (*big.Int, error) {
		out, err := d.lode(ctx, "sql", "--format", "json", query)
		if err != nil {
			return nil, err
		}
		var row struct {
			Wei string `json:"wei"`
		}
		if err := json.Unmarshal([]byte(out), &row); err != nil {
			return nil, fmt.Errorf("%s: %w", query, err)
		}
		n, ok := new(big.Int).SetString(row.Wei, 10)
		if !ok {
			return nil, fmt.Errorf("%s: %q is no number", query, row.Wei)
		}
		return n, nil
	}
	gold, err := sum("select cast(sum(cast(volume_raw_eth as hugeint)) as varchar) as wei from gold.market_kpi_daily")
	if err != nil {
		return err
	}
	silver, err := sum("select cast(sum(cast(price_raw as hugeint)) as varchar) as wei from silver.nft_trades where price_check <> 'mirror' and buyer <> seller and currency_symbol in ('ETH', 'WETH', 'BETH')")
	if err != nil {
		return err
	}
	d.right(gold.Cmp(silver) == 0, "gold's volume is silver's, to the wei: %s", gold)
	return nil
}
