# An application with Delayed Job: `ruby delayed_job.rb WORD`, its database in DATABASE, answers in
# JSON. The table is made by the library's own migration.
require "erb"
require "json"
require "active_record"
require "delayed_job_active_record"

ActiveRecord::Base.establish_connection(JSON.parse(ENV.fetch("DATABASE")))
Delayed::Worker.logger = Logger.new(File::NULL)

Works = Struct.new(:secret) do
  def perform; end
end

# Fails, and is tried again after an hour.
Fails = Struct.new(:secret) do
  def perform = raise("secret")
  def reschedule_at(now, _attempts) = now + 3600
end

# Fails for good, and is kept.
GivesUp = Struct.new(:secret) do
  def perform = raise("secret")
  def max_attempts = 1
  def destroy_failed_jobs? = false
end

Sleeps = Struct.new(:secret) do
  def perform = sleep(600)
end

def migrate
  folder = Gem.loaded_specs.fetch("delayed_job_active_record").full_gem_path
  migration_version = "[6.1]"
  template = File.join(folder, "lib/generators/delayed_job/templates/migration.rb")
  eval(ERB.new(File.read(template)).result(binding))
  ActiveRecord::Migration.suppress_messages { CreateDelayedJobs.up }
end

# What the first worker does, and what is left of it.
def first
  Delayed::Job.enqueue(Works.new)
  Delayed::Job.enqueue(Works.new, queue: "mail")
  Delayed::Job.enqueue(Fails.new)
  Delayed::Job.enqueue(GivesUp.new)
  Delayed::Worker.new(quiet: true).work_off
end

# What another worker begins with and leaves.
def second
  Delayed::Job.enqueue(Works.new)
  Delayed::Job.enqueue(Works.new, run_at: 1.hour.from_now)
  Delayed::Job.enqueue(Works.new, queue: "mail")
  Delayed::Job.enqueue(Sleeps.new, priority: -1)
end

def work
  Delayed::Worker.new(quiet: true).start
end

def counts
  %w[default mail].to_h do |name|
    jobs = Delayed::Job.where(queue: name == "default" ? nil : name)
    ready = jobs.ready_to_run("nobody", Delayed::Worker.max_run_time)
    failed = jobs.where.not(failed_at: nil)
    held = jobs.where(failed_at: nil).where.not(locked_at: nil)
    [name, { jobs: jobs.count, ready: ready.count, failed: failed.count, held: held.count }]
  end
end

def versions
  Gem.loaded_specs.slice("delayed_job", "delayed_job_active_record").transform_values(&:version)
end

puts JSON.generate(send(ARGV.fetch(0)))
