package block

// Int is a number that may be absent.
type Int struct {
	V  int64
	OK bool
}

// Block is one block with everything in it. Texts are nil when absent.
type Block struct {
	Chain     string // "ethereum", …; "" when the input does not say
	ChainID   Int
	Source    string // where it was fetched
	FetchedAt string // RFC 3339 or epoch seconds, as the input says it

	Number, Timestamp                                                            int64
	Hash, ParentHash, Nonce, Sha3Uncles, LogsBloom                               []byte
	TransactionsRoot, StateRoot, ReceiptsRoot, Miner, ExtraData, WithdrawalsRoot []byte
	Difficulty, TotalDifficulty                                                  []byte // decimal digits
	Size, GasLimit, GasUsed, BaseFee, BlobGasUsed, ExcessBlobGas                 Int
	Withdrawals                                                                  []byte // JSON
	Txs                                                                          []Tx
	Traces                                                                       []Trace
	HasTraces                                                                    bool // traces were given, maybe none
	HasReceipts                                                                  bool
	// Notes say what is not known of the block, and why; it decodes all the same.
	Notes []string

	arena []byte
}

// Tx is a transaction with its receipt.
type Tx struct {
	Hash, BlockHash, From, To, Input                 []byte
	Value, GasPrice, MaxFee, MaxPriority, MaxBlobFee []byte // decimal digits
	BlobHashes                                       []byte // comma-joined
	Nonce, BlockNumber, Index, Gas, Type             Int
	HasReceipt                                       bool
	CumulativeGas, ReceiptGas, Status                Int
	Contract, Root                                   []byte
	EffectiveGasPrice, BlobGasPrice                  []byte // decimal digits
	BlobGas                                          Int    // EIP-4844, of the receipt
	Logs                                             []Log
}

// Log is one event.
type Log struct {
	Index, TxIndex    Int
	TxHash, BlockHash []byte
	Address, Data     []byte
	Topics            [4][]byte
	NTopics           int
}

// Trace is one call, creation, self-destruct or reward in ethereum-etl's terms.
type Trace struct {
	TxHash         []byte
	TxIndex        Int
	From, To       []byte
	Value          []byte // decimal digits
	Input, Output  []byte
	Type, CallType []byte
	RewardType     []byte
	Gas, GasUsed   Int
	Subtraces      int64
	Address        []byte // "0,1,2", empty for the outermost
	Error          []byte
	Status         int64 // 1 when this call and all around it succeeded
}
