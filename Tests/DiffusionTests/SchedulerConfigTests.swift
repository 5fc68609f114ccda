import Diffusion
import Foundation
import TestSupport
import Testing

@Suite struct SchedulerConfigTests {
  @Test
  func `a file of DPMSolverMultistepScheduler is read, with the infinity that diffusers writes`()
    throws
  {
    let text = """
      {
        "_class_name": "DPMSolverMultistepScheduler", "_diffusers_version": "0.42.1",
        "algorithm_type": "dpmsolver++", "beta_end": 0.012, "beta_schedule": "scaled_linear",
        "beta_start": 0.00085, "lambda_min_clipped": -Infinity, "num_train_timesteps": 1000,
        "prediction_type": "v_prediction", "steps_offset": 1, "trained_betas": null
      }
      """
    let folder = try TemporaryFolder()
    let file = try folder.write("scheduler_config.json", Array(text.utf8))
    let config = try SchedulerConfig(contentsOf: file)
    #expect(config.prediction == .velocity)
    #expect(config.timestepSpacing == nil)
  }
}
