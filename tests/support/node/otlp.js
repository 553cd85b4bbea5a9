// Elastic's receiver of OTLP, which has its own gRPC and its own protobuf: where it listens on the
// first line, then what it got, a request a line.
const {MockOtlpServer} = require('@elastic/mockotlpserver');

const told = (value) => console.log(JSON.stringify(value));
const server = new MockOtlpServer({
    logLevel: 'error',
    services: ['http', 'grpc'],
    httpHostname: '127.0.0.1',
    grpcHostname: '127.0.0.1',
    httpPort: 0,
    grpcPort: 0,
    onLogs: told,
});
server.start().then(() => told({'http/protobuf': server.httpUrl, grpc: server.grpcUrl}));
