import Diffusion
import Foundation
import Testing

@Suite struct SchedulerFileTests {
  @Test func `Stable Diffusion's file is read, written and read again`() throws {
    let config = SchedulerConfig.stableDiffusion(prediction: .velocity)
    let data = try JSONEncoder().encode(config)
    #expect(try JSONDecoder().decode(SchedulerConfig.self, from: data) == config)
  }

  @Test(arguments: [
    #"{"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000}"#,
    #"{"_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 0.1, "beta_end": 0.2}"#,
    #"{"_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 0.1, "beta_end": 0.2, "beta_schedule": "linear", "prediction_type": "sample"}"#,
    #"{"_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 0.3, "beta_end": 0.2, "beta_schedule": "linear"}"#,
    #"{"_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 0.1, "beta_end": 0.2, "beta_schedule": "linear", "rescale_betas_zero_snr": true}"#,
  ])
  func `a schedule that is not understood is refused`(json: String) {
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(SchedulerConfig.self, from: Data(json.utf8))
    }
  }
}
