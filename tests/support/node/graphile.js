// A real graphile-worker at work: node graphile.js PACKAGE URL fill|cron|unlock|claim|hang
//
// fill leaves jobs in every state there is, cron runs the crontab (which backfills), unlock runs what
// a worker does about old locks, claim prints how many jobs of each task a worker still gets to run,
// hang takes jobs and never ends.
'use strict'

const { spawn } = require('node:child_process')
const { once } = require('node:events')

const [, , library, connectionString, step] = process.argv
const { Logger, makeWorkerUtils, run, runOnce } = require(library)

const logger = new Logger(() => (level, message) => {
  if (level === 'error' && !message.startsWith('Failed task')) console.error(message)
})
const options = { connectionString, logger, noHandleSignals: true }
const inAnHour = () => new Date(Date.now() + 3_600_000)

async function fill () {
  const utils = await makeWorkerUtils(options)
  await utils.migrate()
  const send = (task, spec) => utils.addJob(task, { secret: 'payload' }, spec)

  await send('mail')
  await send('mail')
  await runOnce({ ...options, taskList: { mail: async () => {} } })

  const retrying = await send('mail')
  await send('mail', { maxAttempts: 1 })
  const fail = async () => { throw new Error('no') }
  await runOnce({ ...options, taskList: { mail: fail } })
  await utils.rescheduleJobs([retrying.id], { runAt: inAnHour() })
  await utils.permanentlyFailJobs([(await send('mail')).id], 'no')

  await send('tenants', { queueName: 'tenant-1' })
  await send('reports')
  await killed(2)
  for (let i = 0; i < 2; i++) await send('tenants', { queueName: 'tenant-1' })
  await send('tenants', { queueName: 'tenant-1', runAt: inAnHour() })
  await send('tenants', { queueName: 'tenant-2' })
  for (let i = 0; i < 3; i++) await send('mail')
  for (let i = 0; i < 2; i++) await send('mail', { runAt: inAnHour() })
  await utils.release()
  return {}
}

// Another process takes so many jobs and is killed while it works.
async function killed (jobs) {
  const worker = spawn(process.execPath, [__filename, library, connectionString, 'hang'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let taken = ''
  for await (const text of worker.stdout.setEncoding('utf8')) {
    taken += text
    if (taken.split('\n').length > jobs) break
  }
  worker.kill('SIGKILL')
}

async function hang () {
  const forever = name => () => new Promise(() => console.log(name))
  const taskList = { tenants: forever('tenants'), reports: forever('reports') }
  const runner = await run({ ...options, concurrency: 2, taskList })
  await runner.promise
}

async function cron () {
  const runner = await run({ ...options, crontab: '* * * * * nightly ?fill=10m', taskList: { nightly: async () => {} } })
  await once(runner.events, 'cron:started')
  await runner.stop()
  return {}
}

async function unlock () {
  const preset = { worker: { minResetLockedInterval: 1, maxResetLockedInterval: 1 } }
  const runner = await run({ ...options, preset, taskList: { nothing: async () => {} } })
  await once(runner.events, 'resetLocked:success')
  await runner.stop()
  return {}
}

async function claim () {
  const claimed = { mail: 0, tenants: 0, reports: 0 }
  const tasks = Object.keys(claimed).map(name => [name, async () => { claimed[name]++ }])
  await runOnce({ ...options, taskList: Object.fromEntries(tasks) })
  return claimed
}

async function main () {
  if (step === 'hang') return await hang()
  console.log(JSON.stringify(await { fill, cron, unlock, claim }[step]()))
  process.exit(0)
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
