package hdfs

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Exception is an error that crosses the wire under a Java class name. Class is the full name, Message is bare: no class
// name before it, since clients match its beginning (RemoteException, ipc.Server).
type Exception struct {
	Class   string
	Message string
}

func (e *Exception) Error() string {
	if e.Message == "" {
		return e.Class
	}
	return e.Message
}

// Is makes errors.Is(err, fs.ErrNotExist) and its kin true for the classes that mean it, and matches a sentinel of this
// package by class.
func (e *Exception) Is(target error) bool {
	var t *Exception
	if errors.As(target, &t) {
		return t.Class == e.Class
	}
	switch target {
	case fs.ErrNotExist:
		return e.Class == FileNotFound
	case fs.ErrExist:
		return e.Class == FileAlreadyExists || e.Class == AlreadyBeingCreated
	case fs.ErrPermission:
		return e.Class == AccessControl
	case fs.ErrInvalid:
		return e.Class == IllegalArgument || e.Class == InvalidPath
	case syscall.ENOTEMPTY:
		return e.Class == PathIsNotEmptyDirectory
	case syscall.ENOTDIR:
		return e.Class == ParentNotDirectory || e.Class == PathIsNotDirectory
	}
	return false
}

// Errorf makes an Exception of that class.
func Errorf(class, format string, args ...any) *Exception {
	return &Exception{Class: class, Message: fmt.Sprintf(format, args...)}
}

// ClassOf is the Java class of an error, IOException when it carries none.
func ClassOf(err error) string {
	var e *Exception
	if errors.As(err, &e) {
		return e.Class
	}
	return IOException
}

// The Java exception classes that clients act on. This is the one table of them; a name is added here before it is used.
const (
	IOException             = "java.io.IOException"
	FileNotFound            = "java.io.FileNotFoundException"
	EOFException            = "java.io.EOFException"
	IllegalArgumentJava     = "java.lang.IllegalArgumentException"
	IllegalState            = "java.lang.IllegalStateException"
	NullPointer             = "java.lang.NullPointerException"
	UnsupportedOperation    = "java.lang.UnsupportedOperationException"
	ArrayIndexOutOfBounds   = "java.lang.ArrayIndexOutOfBoundsException"
	IllegalArgument         = "org.apache.hadoop.HadoopIllegalArgumentException"
	FileAlreadyExists       = "org.apache.hadoop.fs.FileAlreadyExistsException"
	PathIsNotEmptyDirectory = "org.apache.hadoop.fs.PathIsNotEmptyDirectoryException"
	PathIsNotDirectory      = "org.apache.hadoop.fs.PathIsNotDirectoryException"
	ParentNotDirectory      = "org.apache.hadoop.fs.ParentNotDirectoryException"
	InvalidPath             = "org.apache.hadoop.fs.InvalidPathException"
	InvalidRequest          = "org.apache.hadoop.fs.InvalidRequestException"
	UnresolvedLink          = "org.apache.hadoop.fs.UnresolvedLinkException"
	AccessControl           = "org.apache.hadoop.security.AccessControlException"
	InvalidToken            = "org.apache.hadoop.security.token.SecretManager$InvalidToken"
	AuthorizationException  = "org.apache.hadoop.security.authorize.AuthorizationException"

	AlreadyBeingCreated  = "org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException"
	RecoveryInProgress   = "org.apache.hadoop.hdfs.protocol.RecoveryInProgressException"
	NSQuotaExceeded      = "org.apache.hadoop.hdfs.protocol.NSQuotaExceededException"
	DSQuotaExceeded      = "org.apache.hadoop.hdfs.protocol.DSQuotaExceededException"
	QuotaByTypeExceeded  = "org.apache.hadoop.hdfs.protocol.QuotaByStorageTypeExceededException"
	SnapshotException    = "org.apache.hadoop.hdfs.protocol.SnapshotException"
	SnapshotAccess       = "org.apache.hadoop.hdfs.protocol.SnapshotAccessControlException"
	AclException         = "org.apache.hadoop.hdfs.protocol.AclException"
	UnresolvedPath       = "org.apache.hadoop.hdfs.protocol.UnresolvedPathException"
	UnregisteredNode     = "org.apache.hadoop.hdfs.protocol.UnregisteredNodeException"
	XAttrNotFound        = "org.apache.hadoop.hdfs.protocol.XAttrNotFoundException"
	NoECPolicySet        = "org.apache.hadoop.hdfs.protocol.NoECPolicySetException"
	PathComponentTooLong = "org.apache.hadoop.hdfs.protocol.FSLimitException$PathComponentTooLongException"
	MaxDirectoryItems    = "org.apache.hadoop.hdfs.protocol.FSLimitException$MaxDirectoryItemsExceededException"

	SafeMode           = "org.apache.hadoop.hdfs.server.namenode.SafeModeException"
	LeaseExpired       = "org.apache.hadoop.hdfs.server.namenode.LeaseExpiredException"
	NotReplicatedYet   = "org.apache.hadoop.hdfs.server.namenode.NotReplicatedYetException"
	RetryStartFile     = "org.apache.hadoop.hdfs.server.namenode.RetryStartFileException"
	DisallowedDatanode = "org.apache.hadoop.hdfs.server.protocol.DisallowedDatanodeException"
	InvalidReportLease = "org.apache.hadoop.hdfs.server.protocol.InvalidBlockReportLeaseException"
	IncorrectVersion   = "org.apache.hadoop.hdfs.server.common.IncorrectVersionException"

	Standby             = "org.apache.hadoop.ipc.StandbyException"
	Retriable           = "org.apache.hadoop.ipc.RetriableException"
	RPCNoSuchMethod     = "org.apache.hadoop.ipc.RpcNoSuchMethodException"
	RPCNoSuchProtocol   = "org.apache.hadoop.ipc.RpcNoSuchProtocolException"
	RPCServerException  = "org.apache.hadoop.ipc.RpcServerException"
	RPCVersionMismatch  = "org.apache.hadoop.ipc.RPC$VersionMismatch"
	HealthCheckFailed   = "org.apache.hadoop.ha.HealthCheckFailedException"
	ServiceFailed       = "org.apache.hadoop.ha.ServiceFailedException"
	BlockMissing        = "org.apache.hadoop.hdfs.BlockMissingException"
	ReplicaNotFound     = "org.apache.hadoop.hdfs.server.datanode.ReplicaNotFoundException"
	ReplicaExists       = "org.apache.hadoop.hdfs.server.datanode.ReplicaAlreadyExistsException"
	DiskOutOfSpace      = "org.apache.hadoop.util.DiskChecker$DiskOutOfSpaceException"
	UnknownCryptoFormat = "org.apache.hadoop.hdfs.UnknownCryptoProtocolVersionException"
)

// More of the same table: classes that only the namespace throws.
const (
	AssertionError     = "java.lang.AssertionError"
	StartAfterNotFound = "org.apache.hadoop.hdfs.protocol.DirectoryListingStartAfterNotFoundException"
)
