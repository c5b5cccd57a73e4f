//go:build !unix

package block

import (
	"errors"
	"net"
	"os"
)

const canPassDescriptors = false

func receiveFiles(*net.UnixConn, int) ([]*os.File, error) {
	return nil, errors.New("descriptors cannot be passed on this system")
}
