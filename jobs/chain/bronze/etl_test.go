package bronze_test

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/lodehq/lode/jobs/chain/block"
	"github.com/lodehq/lode/jobs/chain/bronze"
	"github.com/lodehq/lode/table/datafile"
)

const golden = "../testdata/ethereum_etl/"

// rows of a CSV file as maps; an empty file has none.
func csvRows(t *testing.T, path string) []map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for i := 1; i < len(all); i++ {
		m := map[string]string{}
		for j, k := range all[0] {
			m[k] = all[i][j]
		}
		out = append(out, m)
	}
	return out
}

// batchRows gives rows under ethereum-etl's names.
func batchRows(b *datafile.Batch, rename map[string]string) []map[string]string {
	var out []map[string]string
	for i := range b.Len() {
		m := map[string]string{}
		for c, f := range b.Schema.Fields {
			name := f.Name
			if n, ok := rename[name]; ok {
				name = n
			}
			if !b.Columns[c].IsNull(i) {
				m[name] = b.Columns[c].FormatValue(i)
			}
		}
		if m["topic0"] != "" {
			var ts []string
			for n := range 4 {
				if v, ok := m["topic"+strconv.Itoa(n)]; ok {
					ts = append(ts, v)
				}
			}
			m["topics"] = strings.Join(ts, ",")
		}
		out = append(out, m)
	}
	return out
}

var tokens = regexp.MustCompile(`0x[0-9a-f]+|\d+`)

// normal gives one form to a field of either side: ethereum-etl writes 0x, empty and [] for nothing.
func normal(field, v string) string {
	v = strings.ToLower(v)
	switch field {
	case "withdrawals", "topics":
		return strings.Join(tokens.FindAllString(v, -1), ",")
	}
	if v == "0x" || v == "[]" {
		return ""
	}
	return v
}

func compare(t *testing.T, what string, got, want []map[string]string, key func(map[string]string) string, ignore ...string) {
	t.Helper()
	skip := map[string]bool{"trace_id": true, "l1_fee": true, "l1_gas_used": true, "l1_gas_price": true, "l1_fee_scalar": true}
	for _, f := range ignore {
		skip[f] = true
	}
	have := map[string]map[string]string{}
	for _, r := range got {
		if have[key(r)] != nil {
			t.Errorf("%s: %s twice", what, key(r))
		}
		have[key(r)] = r
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d rows, want %d", what, len(got), len(want))
	}
	for _, w := range want {
		g := have[key(w)]
		if g == nil {
			t.Errorf("%s: row %s is missing", what, key(w))
			continue
		}
		for f, v := range w {
			if !skip[f] && normal(f, g[f]) != normal(f, v) {
				t.Errorf("%s: row %s: %s is %.80q, want %.80q", what, key(w), f, g[f], v)
			}
		}
	}
}

func parse(t *testing.T, input []byte) *block.Block {
	t.Helper()
	var b block.Block
	if err := b.Parse(input); err != nil {
		t.Fatal(err)
	}
	return &b
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBlocksAsEthereumETL(t *testing.T) {
	for _, dir := range []string{"block_with_logs", "block_without_transactions", "blocks_with_transactions"} {
		rows := bronze.NewRows("ethereum", 1)
		files, err := filepath.Glob(golden + "test_export_blocks_job/" + dir + "/web3_response.*.json")
		if err != nil || len(files) == 0 {
			t.Fatal("no golden files", err)
		}
		for _, f := range files {
			rows.Add(parse(t, read(t, f)), f)
		}
		compare(t, dir, batchRows(rows.Blocks, nil), csvRows(t, golden+"test_export_blocks_job/"+dir+"/expected_blocks.csv"), func(m map[string]string) string { return m["number"] })
		compare(t, dir, batchRows(rows.Txs, nil), csvRows(t, golden+"test_export_blocks_job/"+dir+"/expected_transactions.csv"), func(m map[string]string) string { return m["hash"] })
	}
}

func TestReceiptsAndLogsAsEthereumETL(t *testing.T) {
	dir := golden + "test_export_receipts_job/receipts_with_logs/"
	files, _ := filepath.Glob(dir + "web3_response.*.json")
	var receipts, txs []string
	for _, f := range files {
		var answer struct {
			Result json.RawMessage `json:"result"`
		}
		var ids struct {
			TransactionHash  string
			TransactionIndex string
		}
		if err := json.Unmarshal(read(t, f), &answer); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(answer.Result, &ids); err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, string(answer.Result))
		txs = append(txs, fmt.Sprintf(`{"hash":"%s","transactionIndex":"%s"}`, ids.TransactionHash, ids.TransactionIndex))
	}
	want := csvRows(t, dir+"expected_receipts.csv")
	line := fmt.Sprintf(`{"chain":"ethereum","chain_id":1,"block":{"number":%s,"hash":"%s","timestamp":"0x0","transactions":[%s]},"receipts":[%s],"traces":null}`,
		want[0]["block_number"], want[0]["block_hash"], strings.Join(txs, ","), strings.Join(receipts, ","))
	rows := bronze.NewRows("ethereum", 1)
	rows.Add(parse(t, []byte(line)), "")
	renamed := map[string]string{"hash": "transaction_hash"}
	for _, f := range []string{"cumulative_gas_used", "gas_used", "contract_address", "root", "status", "effective_gas_price"} {
		renamed["receipt_"+f] = f
	}
	compare(t, "receipts", batchRows(rows.Txs, renamed), want, func(m map[string]string) string { return m["transaction_hash"] })
	compare(t, "logs", batchRows(rows.Logs, nil), csvRows(t, dir+"expected_logs.csv"), func(m map[string]string) string { return m["log_index"] })
}

func traceKey(m map[string]string) string {
	return m["transaction_index"] + "/" + m["trace_address"] + "/" + m["trace_type"] + "/" + m["to_address"]
}

func TestTracesAsEthereumETL(t *testing.T) {
	for _, c := range []struct{ dir, pattern, field string }{
		{"test_export_traces_job", "web3_response.trace_block_*.json", "result"},
		{"test_extract_geth_traces_job", "web3_response.debug_*.json", "result"},
		{"test_extract_geth_traces_job", "geth_traces.json", ""},
	} {
		dirs, _ := filepath.Glob(golden + c.dir + "/block_*")
		for _, dir := range dirs {
			files, _ := filepath.Glob(dir + "/" + c.pattern)
			if len(files) != 1 {
				t.Fatalf("%s: files %v", dir, files)
			}
			raw := read(t, files[0])
			want := csvRows(t, dir+"/expected_traces.csv")
			number := "1"
			if len(want) > 0 {
				number = want[0]["block_number"]
			}
			line := `{"block":{"number":` + number + `,"hash":"0xaa","timestamp":1,"transactions":[]},"traces":` + strings.TrimSpace(string(raw)) + `}`
			rows := bronze.NewRows("ethereum", 1)
			rows.Add(parse(t, []byte(line)), "")
			ignore := []string{}
			if c.dir == "test_extract_geth_traces_job" {
				ignore = append(ignore, "status") // their extractor leaves it empty; ours knows
			}
			compare(t, filepath.Base(filepath.Dir(dir))+"/"+filepath.Base(dir), batchRows(rows.Traces, nil), want, traceKey, ignore...)
		}
	}
}

func TestTokenTransfersAsEthereumETL(t *testing.T) {
	dir := golden + "test_extract_token_transfers_job/logs/"
	logs := csvRows(t, dir+"logs.csv")
	var text []string
	for _, l := range logs {
		topics := `"` + strings.Join(strings.Split(l["topics"], ","), `","`) + `"`
		topics = strings.ReplaceAll(topics, `"de`, `"0xde`) // one topic of the golden file has no prefix
		text = append(text, fmt.Sprintf(`{"logIndex":%s,"address":"%s","data":"%s","topics":[%s]}`, l["log_index"], l["address"], l["data"], topics))
	}
	want := csvRows(t, dir+"expected_token_transfers.csv")
	rows := bronze.NewRows("ethereum", 1)
	for i, l := range logs {
		line := fmt.Sprintf(`{"number":%s,"hash":"%s","timestamp":1,"transactions":[{"hash":"%s","receipt":{"logs":[%s]}}]}`, l["block_number"], l["block_hash"], l["transaction_hash"], text[i])
		rows.Add(parse(t, []byte(line)), "")
	}
	compare(t, "token_transfers", batchRows(rows.Tokens, nil), want, func(m map[string]string) string { return m["log_index"] })
}

// mainnet calls f with each bundled block.
func mainnet(t testing.TB, f func(name string, raw []byte)) {
	t.Helper()
	files, err := filepath.Glob("../testdata/mainnet_blocks/*.json.gz")
	if err != nil || len(files) != 100 {
		t.Fatalf("%d bundled blocks, want 100 (%v)", len(files), err)
	}
	for _, name := range files {
		fd, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(fd)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(z)
		fd.Close()
		if err != nil {
			t.Fatal(err)
		}
		f(filepath.Base(name), raw)
	}
}

func TestBundledBlocksAreWhole(t *testing.T) {
	index := map[string]map[string]string{}
	for _, r := range csvRows(t, "../testdata/mainnet_blocks/INDEX.csv") {
		index[r["block_number"]] = r
	}
	rows := bronze.NewRows("ethereum", 1)
	total := [4]int{}
	mainnet(t, func(name string, raw []byte) {
		rows.Reset()
		b := parse(t, raw)
		rows.Add(b, name)
		want := index[strconv.FormatInt(b.Number, 10)]
		for i, c := range []struct {
			column string
			batch  *datafile.Batch
		}{{"tx", rows.Txs}, {"logs", rows.Logs}, {"traces", rows.Traces}} {
			if strconv.Itoa(c.batch.Len()) != want[c.column] {
				t.Errorf("%s: %d %s, want %s", name, c.batch.Len(), c.column, want[c.column])
			}
			total[i] += c.batch.Len()
		}
		total[3] += rows.Tokens.Len()
		for _, r := range batchRows(rows.Txs, nil) {
			for _, f := range []string{"nonce", "from_address", "value", "gas", "gas_price", "input", "receipt_gas_used", "transaction_index"} {
				if r[f] == "" {
					t.Errorf("%s: transaction %s has no %s", name, r["hash"], f)
				}
			}
		}
	})
	if want := [4]int{17244, 32125, 74553, 15696}; total != want {
		t.Errorf("transactions, logs, traces, token transfers: %v, want %v", total, want)
	}
}

func BenchmarkParse(b *testing.B) {
	var raws [][]byte
	size := 0
	mainnet(b, func(_ string, raw []byte) { raws = append(raws, raw); size += len(raw) })
	b.SetBytes(int64(size))
	rows := bronze.NewRows("ethereum", 1)
	var blk block.Block
	for b.Loop() {
		for _, raw := range raws {
			if err := blk.Parse(raw); err != nil {
				b.Fatal(err)
			}
			rows.Reset()
			rows.Add(&blk, "f")
		}
	}
}
