// A real pg-boss at work: node pgboss.js PACKAGE URL fill|claim|hang
//
// fill leaves jobs in every state there is and prints what pg-boss itself says of them, claim prints
// how many jobs of each queue it still hands out, hang takes a job and never ends.
'use strict'

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { setTimeout: sleep } = require('node:timers/promises')

const [, , library, url, step] = process.argv
const { version } = require(`${library}/package.json`)
const loaded = require(library)
const PgBoss = loaded.PgBoss ?? loaded
const [major, minor] = version.split('.').map(Number)
const flows = major === 12 && minor >= 19

const HOUR = 3600
const QUEUES = {
  'dead-reports': {},
  mail: {},
  slow: {},
  reports: { deadLetter: 'dead-reports' },
  empty: {},
  night_ly: {},
  ...(major >= 10 && { accounts: { policy: 'singleton' }, tenants: { policy: 'stately' } }),
  ...(flows && { ledger: { policy: 'key_strict_fifo' }, steps: {}, beats: { heartbeatSeconds: 600 } })
}

function open (settings) {
  const boss = new PgBoss({ connectionString: url, max: 2, ...settings })
  boss.on('error', error => console.error(error))
  return boss
}

// One that neither supervises nor schedules, so that what is left lying stays where it is.
async function quiet (settings) {
  const boss = open({ noSupervisor: true, noScheduling: true, supervise: false, schedule: false, ...settings })
  await boss.start()
  return boss
}

async function until (true_, what) {
  for (let tries = 0; !(await true_()); tries++) {
    if (tries === 150) throw new Error(`waited in vain for ${what}`)
    await sleep(100)
  }
}

// What the majors call by other names, or take in another order.
const as = {
  fetch: async (boss, name, batchSize) =>
    (major === 9 ? await boss.fetch(name, batchSize) : await boss.fetch(name, { batchSize })) ?? [],
  complete: (boss, name, id) => (major === 9 ? boss.complete(id) : boss.complete(name, id)),
  fail: (boss, name, id) => (major === 9 ? boss.fail(id) : boss.fail(name, id)),
  cancel: (boss, name, id) => (major === 9 ? boss.cancel(id) : boss.cancel(name, id)),
  job: (boss, name, id) => (major === 9 ? boss.getJobById(id) : boss.getJobById(name, id)),
  queued: async (boss, name) => {
    if (major <= 10) return await boss.getQueueSize(name)
    if (major === 11) return (await boss.getQueueStats(name)).queuedCount
    return (await boss.findJobs(name)).filter(job => ['created', 'retry'].includes(job.state)).length
  }
}

async function supervised () {
  const every = {
    maintenanceIntervalSeconds: 1,
    superviseIntervalSeconds: 1,
    monitorIntervalSeconds: 1,
    cronMonitorIntervalSeconds: 1,
    cronWorkerIntervalSeconds: 1
  }
  const boss = open(every)
  const maintained = major <= 10 ? once(boss, 'maintenance') : Promise.resolve()
  await boss.start()
  if (major >= 10) for (const [name, options] of Object.entries(QUEUES)) await boss.createQueue(name, options)
  await boss.schedule('night_ly', '* * * * *', {}, major >= 11 ? { key: 'eu' } : {})
  if (major >= 11) await boss.supervise()
  await maintained
  await until(async () => await as.queued(boss, 'night_ly') > 0, 'the schedule')
  await boss.stop({ graceful: false, destroy: true, close: true })
}

async function fill (boss) {
  const sent = []
  const send = async (name, options = {}) => {
    const id = await boss.send(name, { secret: 'payload' }, options)
    sent.push([name, id])
    return id
  }
  const take = async (name, options) => {
    const id = await send(name, { priority: 5, ...options })
    const [job] = await as.fetch(boss, name, 1)
    if (job?.id !== id) throw new Error(`${name}: another job was handed out`)
    return id
  }
  for (let i = 0; i < 2; i++) await as.complete(boss, 'mail', await take('mail'))
  await as.fail(boss, 'mail', await take('mail', { retryLimit: 3, retryDelay: HOUR }))
  await as.fail(boss, 'mail', await take('mail', { retryLimit: 0 }))
  await as.fail(boss, 'mail', await take('mail', { retryLimit: 3, retryDelay: 0, priority: 2 }))
  await as.cancel(boss, 'mail', await send('mail'))
  for (let i = 0; i < 3; i++) await send('mail')
  for (let i = 0; i < 2; i++) await send('mail', { startAfter: HOUR })
  await take('slow', { expireInSeconds: 1 })
  await as.fail(boss, 'reports', await take('reports', { retryLimit: 0 }))
  if (major >= 10) {
    await take('accounts')
    for (let i = 0; i < 2; i++) await send('accounts')
    await send('accounts', { startAfter: HOUR })
    await take('tenants')
    await send('tenants')
  }
  if (flows) {
    await as.fail(boss, 'ledger', await take('ledger', { singletonKey: 'broken', retryLimit: 0 }))
    await send('ledger', { singletonKey: 'broken' })
    await send('ledger', { singletonKey: 'whole' })
    const ids = await boss.flow([
      { ref: 'first', name: 'steps' },
      { ref: 'second', name: 'steps', dependsOn: ['first'] }
    ])
    for (const id of Object.values(ids)) sent.push(['steps', id])
    await take('beats')
  }
  sent.push(['mail', await killed(await send('mail', { priority: 9 }))])
  return sent.filter(([, id], index) => sent.findIndex(([, other]) => other === id) === index)
}

// Another process takes the job and is killed while it works.
async function killed (id) {
  const worker = spawn(process.execPath, [__filename, library, url, 'hang'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [taken] = await once(worker.stdout.setEncoding('utf8'), 'data')
  worker.kill('SIGKILL')
  await once(worker, 'exit')
  if (taken.trim() !== id) throw new Error('the worker took another job')
  return id
}

async function hang () {
  const boss = await quiet({ instanceHeartbeatSeconds: 1 })
  const options = major === 9 ? {} : { batchSize: 1 }
  await boss.work('mail', options, async jobs => {
    console.log([jobs].flat()[0].id)
    await sleep(HOUR * 1000)
  })
}

async function described (boss, sent) {
  const jobs = []
  for (const [queue, id] of sent) {
    const job = await as.job(boss, queue, id)
    const after = job.startAfter ?? job.startafter
    jobs.push({ queue, state: job.state, due: after <= new Date() })
  }
  const queued = {}
  for (const name of Object.keys(QUEUES)) queued[name] = await as.queued(boss, name)
  return { jobs, queued }
}

async function main () {
  if (step === 'hang') return await hang()
  if (step === 'fill') await supervised()
  const boss = await quiet({ registerInstance: false })
  if (step === 'fill') {
    const sent = await fill(boss)
    await sleep(1100) // until one has expired
    console.log(JSON.stringify(await described(boss, sent)))
  } else {
    const claimed = {}
    for (const name of Object.keys(QUEUES)) claimed[name] = (await as.fetch(boss, name, 100)).length
    console.log(JSON.stringify(claimed))
  }
  await boss.stop({ graceful: false, destroy: true, close: true })
  process.exit(0)
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
