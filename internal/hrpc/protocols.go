package hrpc

// Protocol names, as calls carry them (RequestHeaderProto.declaringClassProtocolName). All are version 1.
const (
	ClientProtocol             = "org.apache.hadoop.hdfs.protocol.ClientProtocol"
	DatanodeProtocol           = "org.apache.hadoop.hdfs.server.protocol.DatanodeProtocol"
	DatanodeLifelineProtocol   = "org.apache.hadoop.hdfs.server.protocol.DatanodeLifelineProtocol"
	NamenodeProtocol           = "org.apache.hadoop.hdfs.server.protocol.NamenodeProtocol"
	HAServiceProtocol          = "org.apache.hadoop.ha.HAServiceProtocol"
	RefreshUserMappings        = "org.apache.hadoop.security.RefreshUserMappingsProtocol"
	RefreshAuthorizationPolicy = "org.apache.hadoop.security.authorize.RefreshAuthorizationPolicyProtocol"
	GetUserMappings            = "org.apache.hadoop.tools.GetUserMappingsProtocol"
	RefreshCallQueue           = "org.apache.hadoop.ipc.RefreshCallQueueProtocol"
	GenericRefresh             = "org.apache.hadoop.ipc.GenericRefreshProtocol"
	Reconfiguration            = "org.apache.hadoop.hdfs.protocol.ReconfigurationProtocol"
	ProtocolMetaInfo           = "org.apache.hadoop.ipc.ProtocolMetaInfoPB"
	ClientDatanodeProtocol     = "org.apache.hadoop.hdfs.protocol.ClientDatanodeProtocol"
	InterDatanodeProtocol      = "org.apache.hadoop.hdfs.server.protocol.InterDatanodeProtocol"
	// NamenodeExtras is ours: what a Lode namenode does and Apache's does not.
	NamenodeExtras = "lode.NamenodeExtras"
)

// Call ids with a meaning of their own (RpcConstants, AuthorizationException).
const (
	callConnectionContext = -3
	callPing              = -4
	callSASL              = -33
	callInvalid           = -1
)

const (
	ipcVersion = 9
	authNone   = 0x00
	authSASL   = 0xDF
	// helloLen is the length of what a client says first: magic, version, service class, authentication.
	helloLen = 7
	// clientIDLen is the length of a client id (ClientId.BYTE_LENGTH).
	clientIDLen = 16
)

var (
	magic   = [4]byte{'h', 'r', 'p', 'c'}
	httpGet = [4]byte{'G', 'E', 'T', ' '}
)

// httpHint answers somebody who points a browser at the RPC port.
const httpHint = "HTTP/1.1 404 Not Found\r\nContent-type: text/plain\r\n\r\n" +
	"This port speaks Hadoop RPC, not HTTP. The pages and WebHDFS are on the web port (dfs.namenode.http-address, 9870 by default).\r\n"
