package ledger

import (
	"github.com/holiman/uint256"

	"github.com/lodehq/lode/jobs/chain/evm"
)

// Block is what a transaction's rows say of its block.
type Block struct {
	Chain   string
	ChainID int64
	Number  int64
	Time    int64 // seconds since 1970
	Hash    string
}

// Log is one event, decoded from text.
type Log struct {
	Index   int64 // in the block
	Address evm.Address
	Topics  [4]evm.Word
	NTopics int
	Data    []byte
}

// Topic0 is the event's signature hash, zero for an anonymous event.
func (l *Log) Topic0() evm.Word {
	if l.NTopics == 0 {
		return evm.Word{}
	}
	return l.Topics[0]
}

// CallKind says what a trace did.
type CallKind byte

const (
	Call     CallKind = 'c' // a plain call: value moves
	Code     CallKind = 'd' // delegatecall, callcode, staticcall: no value moves
	Create   CallKind = 'n'
	Suicide  CallKind = 's'
	OtherOne CallKind = 'o'
)

// CallTrace is one trace of a transaction.
type CallTrace struct {
	Path     string // "0,1", "" for the outermost
	From, To evm.Address
	Value    uint256.Int
	Input    []byte // as hex text, decoded only when asked for
	Kind     CallKind
	OK       bool // this call and all around it succeeded
}

// Selector gives the first four bytes of the calldata.
func (c *CallTrace) Selector() (s [4]byte, ok bool) {
	if len(c.Input) < 10 {
		return s, false
	}
	return s, evm.DecodeFixed(s[:], c.Input[:10])
}

// Tx is one transaction. Logs are in order. The slices below Logs and Calls are filled by Decode.
type Tx struct {
	Block     Block
	Hash      string
	From, To  evm.Address // To is zero when a contract is created
	Value     uint256.Int
	Input     []byte // hex text
	Logs      []Log
	Calls     []CallTrace
	HasTraces bool

	Transfers []Transfer
	Tokens    []Payment // from logs
	Native    []Payment // from calls
	Approvals []Approval
	Rejects   []Reject
}

// Standard of a token.
type Standard string

const (
	ERC721  Standard = "erc721"
	ERC1155 Standard = "erc1155"
	Punks   Standard = "cryptopunks"
	Legacy  Standard = "legacy"
)

// Transfer is one token moved.
type Transfer struct {
	LogIndex    int64
	BatchIndex  int64
	Standard    Standard
	Batch       bool
	Contract    evm.Address
	TokenID     uint256.Int
	Amount      uint256.Int
	From, To    evm.Address
	Operator    evm.Address
	HasOperator bool
}

// Dead is where people send tokens to burn them when a contract has no burn.
var Dead = evm.MustAddress("0x000000000000000000000000000000000000dead")

// IsMint tells whether the token came into being.
func (t *Transfer) IsMint() bool { return t.From.IsZero() }

// IsBurn tells whether the token was given up.
func (t *Transfer) IsBurn() bool { return t.To.IsZero() || t.To == Dead }

// Payment is an amount of a currency that moved. Currency zero is the native one.
type Payment struct {
	LogIndex int64  // -1 for native payments
	Path     string // of native payments
	Currency evm.Address
	From, To evm.Address
	Amount   uint256.Int
	Wrap     bool // a WETH deposit or withdrawal, not an ERC-20 Transfer
}

// Approval of one token or of all.
type Approval struct {
	LogIndex        int64
	Contract        evm.Address
	Owner, Operator evm.Address
	TokenID         uint256.Int
	All, Approved   bool
}

// Reject is a log that does not fit its decoder.
type Reject struct {
	Log    *Log
	Reason string
}
