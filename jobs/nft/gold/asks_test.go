package gold

import "testing"

// TestAsksStandUntilTheTokenMoves: an ask ends by another, by being taken back, and by a transfer in a later transaction.
func TestAsksStandUntilTheTokenMoves(t *testing.T) {
	order := func(time int64, tx, kind, token string, eth float64) Order {
		return Order{Block: time, Time: time, Tx: tx, Project: "foundation", Version: "v1", Kind: kind, Token: token, Open: true, Eth: eth, HasEth: true}
	}
	private := order(6, "f", "ask", "4", 0.1)
	private.Open = false
	c := &Collection{
		orders: []Order{order(1, "a", "ask", "1", 5), order(2, "b", "ask", "2", 3), order(4, "d", "ask", "1", 4), order(5, "e", "cancel_ask", "2", 0), private},
		moves:  []Move{{Block: 1, Time: 1, Log: 9, Tx: "a", Token: "1"}, {Block: 8, Time: 8, Tx: "h", Token: "1"}},
	}
	a := c.newAsks()
	for _, want := range []struct {
		before, listed int64
		floor          float64
	}{{1, 0, 0}, {2, 1, 5}, {3, 2, 3}, {5, 2, 3}, {6, 1, 4}, {8, 1, 4}, {9, 0, 0}} {
		floor, ok, listed := a.at(want.before)
		if floor != want.floor || listed != want.listed || ok != (listed > 0) {
			t.Errorf("before %d: floor %v, %v, %d listed; want %v and %d", want.before, floor, ok, listed, want.floor, want.listed)
		}
	}
	if !a.known() {
		t.Error("the history has asks")
	}
}
