package schemas

import "github.com/lodehq/lode/table/datafile"

// column is a field before it has an id.
type column struct {
	name string
	typ  datafile.Type
	doc  string
	flag byte // 'd' dictionary, 'b' bloom filter, 'x' both
}

func text(name, doc string) column { return column{name: name, typ: datafile.String, doc: doc} }
func word(name, doc string) column {
	return column{name: name, typ: datafile.String, doc: doc, flag: 'd'}
}
func key(name, doc string) column {
	return column{name: name, typ: datafile.String, doc: doc, flag: 'b'}
}
func who(name, doc string) column {
	return column{name: name, typ: datafile.String, doc: doc, flag: 'x'}
}
func long(name, doc string) column  { return column{name: name, typ: datafile.Long, doc: doc} }
func stamp(name, doc string) column { return column{name: name, typ: datafile.Timestamp, doc: doc} }
func day(name, doc string) column   { return column{name: name, typ: datafile.Date, doc: doc} }
func real(name, doc string) column  { return column{name: name, typ: datafile.Double, doc: doc} }
func flag(name, doc string) column  { return column{name: name, typ: datafile.Boolean, doc: doc} }
func count(name, doc string) column { return column{name: name, typ: datafile.Decimal38, doc: doc} }

// chainColumns open every table.
func chainColumns() []column {
	return []column{word("blockchain", "chain by name: ethereum, palm, …"), long("chain_id", "EIP-155 chain id")}
}

// blockColumns say when a row happened.
func blockColumns() []column {
	return []column{
		long("block_number", "height"), stamp("block_time", "time of the block, UTC"), day("block_date", "day of block_time"),
		day("block_month", "first day of the month of block_time"), word("block_hash", "hash of the block: a row leaves with it when the chain reorganises"),
	}
}

func join(parts ...[]column) []column {
	var out []column
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// table numbers the columns from 1 and turns the named partition and sort columns into specs.
func table(name, doc string, columns []column, partition, sort []string, rowGroup int) *datafile.Table {
	t := &datafile.Table{Name: name, Doc: doc, RowGroup: rowGroup}
	for i, c := range columns {
		t.Schema.Fields = append(t.Schema.Fields, datafile.Field{ID: i + 1, Name: c.name, Type: c.typ, Doc: c.doc,
			Dict: c.flag == 'd' || c.flag == 'x', Bloom: c.flag == 'b' || c.flag == 'x'})
	}
	t.Partition.Fields = []datafile.PartitionField{}
	for i, n := range partition {
		t.Partition.Fields = append(t.Partition.Fields, datafile.PartitionField{SourceID: t.Schema.Fields[t.Schema.Index(n)].ID, FieldID: 1000 + i, Name: n, Transform: "identity"})
	}
	t.Sort.Fields = []datafile.SortField{}
	for _, n := range sort {
		t.Sort.ID = 1
		t.Sort.Fields = append(t.Sort.Fields, datafile.SortField{SourceID: t.Schema.Fields[t.Schema.Index(n)].ID, Transform: "identity", Direction: "asc", NullOrder: "nulls-first"})
	}
	return t
}

var (
	byMonth = []string{"blockchain", "block_month"}
	byChain = []string{"blockchain"}
)
