// Logs as an application for Node.js pushes them: LIBRARY URL SENDER.
const {LoggerProvider, BatchLogRecordProcessor} = require('@opentelemetry/sdk-logs');
const {resourceFromAttributes} = require('@opentelemetry/resources');
const {SeverityNumber} = require('@opentelemetry/api-logs');

const [, , library, url, sender] = process.argv;
const {OTLPLogExporter} = require(library);
const processor = new BatchLogRecordProcessor({exporter: new OTLPLogExporter({url})});
const provider = new LoggerProvider({
    resource: resourceFromAttributes({'service.name': sender}),
    processors: [processor],
});
const log = provider.getLogger('shop');
for (let number = 0; number < 1200; number += 1) {
    log.emit({
        severityNumber: SeverityNumber.INFO,
        body: `order ${number} paid`,
        attributes: {order: number, lines: [1, 2], more: {a: null}},
    });
}
log.emit({severityNumber: SeverityNumber.ERROR, body: {msg: 'failed', code: 7}});
provider.shutdown().then(() => console.log('null'));
